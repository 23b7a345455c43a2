"""Resample, trim silence, set the loudness, make views.

By hand: python src/normalize.py --stems DIR --out DIR --metrics FILE
Reads what separate.py wrote; writes tar shards of <id>.<view>.flac (mix, drums, bass, ...), all of a
track under one gain, which <id>.json records.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

import numpy as np

from lowend import cache, params, shards
from lowend.audio import dynamics, io, loudness, lowband, mono, views
from lowend.errors import UserError, script
from lowend.tracks import Rejected, read_rejected, read_tracks, write_json, write_rejected, write_tracks


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
    for track, kept in zip(tracks, done, strict=True):
        if kept.reason:
            rejected.append(Rejected(track.file_path, "normalize", kept.reason))
            logging.warning("set aside: %s: %s", track.file_path, kept.reason)
    usable = [(track, kept) for track, kept in zip(tracks, done, strict=True) if not kept.reason]
    if not usable:
        raise UserError(f"{args.stems}: none of {len(tracks)} tracks is usable; see the reasons above")
    shutil.rmtree(args.out, ignore_errors=True)
    shards.merge(args.out, ((kept.id, kept.home) for _, kept in usable))
    rows = [views.row(track, kept.note, config.lufs) for track, kept in usable]
    gains = [kept.note["gain"] for _, kept in usable]
    write_tracks(args.out / "tracks.csv", rows)
    write_rejected(args.out / "rejected.csv", rejected)
    metrics = {
        "tracks": len(rows),
        "rejected": len(rejected),
        "hours": round(sum(track.duration or 0 for track in rows) / 3600, 4),
        "median_measured_lufs": round(float(np.median([gain["measured_lufs"] for gain in gains])), 2),
        "below_target": sum(gain["short_of_target_db"] > views.FLAG_LU for gain in gains),
        "largest_gap_to_target_db": round(max(gain["short_of_target_db"] for gain in gains), 2),
    }
    write_json(args.metrics, metrics)


if __name__ == "__main__":
    script(main)
