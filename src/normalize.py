"""Resample, trim silence, set the loudness, make views.

By hand: python src/normalize.py --stems DIR --out DIR --metrics FILE
Reads what separate.py wrote; writes tar shards of <id>.<view>.flac (mix, drums, bass, ...), all of a
track under one gain, which <id>.json records.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

from lowend import cache, params, shards
from lowend.audio import dynamics, io, loudness, lowband, mono, views
from lowend.errors import UserError, script
from lowend.setaside import sort_out
from lowend.tracks import read_rejected, read_tracks, write_json, write_rejected, write_tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stems", type=Path, required=True, help="what separate.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for counts and loudness")
    args = parser.parse_args()
    config = params.build(views.NormalizeConfig, params.load("normalize")["normalize"], "normalize")
    tracks = read_tracks(args.stems / "tracks.csv")
    rejected = read_rejected(args.stems / "rejected.csv")
    scratch = cache.scratch("normalize", config, cache.code(dynamics, io, loudness, lowband, mono, views))
    digests = {t.id: str(shards.read_note(args.stems, t.id)["digest"]) for t in tracks}
    jobs = [views.Job(t.id, cache.home(scratch, t.id, digests[t.id]), args.stems, config) for t in tracks]
    done = cache.compute(views.normalize_track, jobs, "normalizing")
    usable, refused = sort_out(tracks, done, "normalize")
    if not usable:
        raise UserError(f"{args.stems}: none of {len(tracks)} tracks is usable; see the reasons above")
    shutil.rmtree(args.out, ignore_errors=True)
    shards.merge(args.out, ((kept.id, kept.home) for _, kept in usable))
    notes = [kept.note for _, kept in usable]
    rows = [views.row(track, note, config.lufs) for (track, _), note in zip(usable, notes, strict=True)]
    gains = [note["gain"] for note in notes]
    write_tracks(args.out / "tracks.csv", rows)
    write_rejected(args.out / "rejected.csv", [*rejected, *refused])
    metrics = {
        "tracks": len(rows),
        "rejected": len(rejected) + len(refused),
        "hours": round(sum(track.duration or 0 for track in rows) / 3600, 4),
        "median_measured_lufs": round(float(np.median([gain["measured_lufs"] for gain in gains])), 2),
        "below_target": sum(gain["short_of_target_db"] > views.FLAG_LU for gain in gains),
        "largest_gap_to_target_db": round(max(gain["short_of_target_db"] for gain in gains), 2),
    }
    write_json(args.metrics, metrics)


if __name__ == "__main__":
    script(main)
