"""Tokenise every view of every track of the splits, once; and takes of those that train.

By hand: python src/encode.py hiphop --codec DIR --audio DIR --splits DIR --out DIR
Writes tar shards of <id>.<view>.npy, int16 codes [K, T], and <id>.<view>.bands.npy, float16 levels [3, T];
of take n the same as <id>.<view>.<n>, with <id>.<view>.<n>.json: what changed.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowend import cache, params, shards
from lowend.audio import augment, bandenergy, bands, loudness, lowband
from lowend.audio.augment import AugmentConfig
from lowend.clusters import SIDES
from lowend.errors import UserError, script
from lowend.models import codec as codecs
from lowend.models import tokens
from lowend.tracks import read_tracks


@dataclass(frozen=True, slots=True)
class Config:
    views: dict[str, list[str]]
    augment: dict[str, object]  # AugmentConfig


def planned(train: Sequence[str], config: AugmentConfig, genre: str, seed: int) -> dict[str, tokens.Takes]:
    """The takes of every track of the train side, none without variants."""
    if not config.variants:
        return {}
    among = augment.circle(train)
    made = {}
    for track_id in train:
        names = [(seed, track_id, number) for number in range(config.variants)]
        blends = tuple(augment.draw_blend(config, among, track_id, *each) for each in names)
        made[track_id] = tokens.Takes(seed, genre, config, blends)
    return made


def inputs(takes: tokens.Takes | None, digests: Mapping[str, str]) -> list[str]:
    """What decides a track's takes beside its own audio; nothing for a track without."""
    if takes is None:
        return []
    others = [digests[blend.other] for blend in takes.blends if blend]
    return [repr(takes), cache.code(augment, loudness, lowband), *others]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("genre", help="a key of `genres` in params.yaml")
    parser.add_argument("--codec", type=Path, required=True, help="folder of the codec")
    parser.add_argument("--audio", type=Path, required=True, help="what normalize.py wrote")
    parser.add_argument("--splits", type=Path, required=True, help="folder of train.csv, valid.csv, test.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    given = params.load("seed", "encode")
    config = params.build(Config, given["encode"], "encode")
    augmenting = params.build(AugmentConfig, config.augment, "encode.augment")
    if args.genre not in config.views:
        raise UserError(f"params.yaml: `encode.views.{args.genre}` is missing; list the views to tokenise")
    views = tuple(config.views[args.genre])
    sides = {side: {t.id for t in read_tracks(args.splits / f"{side}.csv")} for side in SIDES}
    mine = sorted(t.id for t in read_tracks(args.audio / "tracks.csv") if t.id in set().union(*sides.values()))
    digests = {track_id: str(shards.read_note(args.audio, track_id)["digest"]) for track_id in mine}
    train = [track_id for track_id in mine if track_id in sides["train"]]
    takes = planned(train, augmenting, args.genre, given["seed"])
    code = cache.code(codecs, tokens, bandenergy, bands)
    scratch = cache.scratch("encode", cache.files(args.codec), views, code)
    jobs = []
    for track_id in mine:
        home = cache.home(scratch, track_id, digests[track_id], *inputs(takes.get(track_id), digests))
        jobs.append(tokens.Job(track_id, home, args.audio, args.codec, views, takes.get(track_id)))
    done = cache.compute(tokens.encode_track, jobs, "encoding")
    shutil.rmtree(args.out, ignore_errors=True)
    shards.merge(args.out, ((kept.id, kept.home) for kept in done))


if __name__ == "__main__":
    script(main)
