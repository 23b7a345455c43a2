"""Tokenise every view of every track of the splits, once.

By hand: python src/encode.py hiphop --codec DIR --audio DIR --splits DIR --out DIR
Writes tar shards of <id>.<view>.npy, int16 codes [K, T].
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from lowend import cache, params, shards
from lowend.clusters import SIDES
from lowend.errors import UserError, script
from lowend.models import codec as codecs
from lowend.models import tokens
from lowend.tracks import read_tracks


@dataclass(frozen=True, slots=True)
class Config:
    views: dict[str, list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("genre", help="a key of `genres` in params.yaml")
    parser.add_argument("--codec", type=Path, required=True, help="folder of the codec")
    parser.add_argument("--audio", type=Path, required=True, help="what normalize.py wrote")
    parser.add_argument("--splits", type=Path, required=True, help="folder of train.csv, valid.csv, test.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    config = params.build(Config, params.load("encode")["encode"], "encode")
    if args.genre not in config.views:
        raise UserError(f"params.yaml: `encode.views.{args.genre}` is missing; list the views to tokenise")
    views = tuple(config.views[args.genre])
    split = {t.id for side in SIDES for t in read_tracks(args.splits / f"{side}.csv")}
    mine = sorted(t.id for t in read_tracks(args.audio / "tracks.csv") if t.id in split)
    scratch = cache.scratch("encode", cache.files(args.codec), views, cache.code(codecs, tokens))
    digests = {track_id: str(shards.read_note(args.audio, track_id)["digest"]) for track_id in mine}
    jobs = [tokens.Job(t, cache.home(scratch, t, digests[t]), args.audio, args.codec, views) for t in mine]
    done = cache.compute(tokens.encode_track, jobs, "encoding")
    shutil.rmtree(args.out, ignore_errors=True)
    shards.merge(args.out, ((kept.id, kept.home) for kept in done))


if __name__ == "__main__":
    script(main)
