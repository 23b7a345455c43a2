"""Resample, set the loudness, cut views and segments.

By hand: python src/normalize.py --stems DIR --out DIR --metrics FILE
Reads what separate.py wrote; writes tar shards of <id>.<view>.flac (mix, drums, bass, bass_drums,
drops-0, ...), all of a track under one gain, recorded in <id>.json.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lowend import cache, params, shards
from lowend.audio import dynamics, io, loudness, mono, structure, views
from lowend.errors import UserError, script
from lowend.tracks import Rejected, Track, read_rejected, read_tracks, write_json, write_rejected, write_tracks
from lowend.workers import parallel_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stems", type=Path, required=True, help="what separate.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for counts and loudness")
    args = parser.parse_args()
    config = params.build(views.NormalizeConfig, params.load("normalize")["normalize"], "normalize")
    tracks = sorted(read_tracks(args.stems / "tracks.csv"), key=lambda t: t.id)
    rejected = read_rejected(args.stems / "rejected.csv")
    scratch = cache.scratch("normalize", config, cache.code(dynamics, io, loudness, mono, structure, views))
    jobs = [views.Job(track, args.stems, config, scratch) for track in tracks]
    shutil.rmtree(args.out, ignore_errors=True)
    kept: list[Track] = []
    gains: list[loudness.Gain] = []

    def results() -> Iterator[list[shards.Member]]:
        for track, made in zip(tracks, parallel_map(views.normalize_track, jobs, "normalizing"), strict=True):
            if isinstance(made, str):
                rejected.append(Rejected(track.file_path, "normalize", made))
                logging.warning("set aside: %s: %s", track.file_path, made)
                continue
            kept.append(made.track)
            gains.append(made.gain)
            yield made.members

    shards.write(args.out, results())
    if not kept:
        raise UserError(f"{args.stems}: none of {len(tracks)} tracks is usable; see the reasons above")
    write_tracks(args.out / "tracks.csv", kept)
    write_rejected(args.out / "rejected.csv", rejected)
    short = [gain.short_of_target_db for gain in gains]
    metrics = {
        "tracks": len(kept),
        "rejected": len(rejected),
        "hours": round(sum(track.duration or 0 for track in kept) / 3600, 4),
        "median_measured_lufs": round(float(np.median([gain.measured_lufs for gain in gains])), 2),
        "below_target": sum(gap > 0.5 for gap in short),
        "largest_gap_to_target_db": round(max(short), 2),
    }
    write_json(args.metrics, metrics)


if __name__ == "__main__":
    script(main)
