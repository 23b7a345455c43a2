"""Split tracks into stems that sum to the mix.

By hand: python src/separate.py --raw DIR --out DIR --metrics FILE
Reads DIR/tracks.csv and DIR/audio/; writes tar shards of <id>.<stem>.flac at the model's rate.
Where the source knows its true stems, the SI-SDR against them goes into the metrics.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from lowend import cache, params, shards
from lowend.audio import separation, stems
from lowend.errors import UserError, script
from lowend.tracks import Rejected, Track, read_rejected, read_tracks, write_json, write_rejected, write_tracks
from lowend.workers import parallel_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="what download.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for counts and SI-SDR")
    parser.add_argument("--kit", type=Path, default=Path("starter/kit/separator"), help="the starter's model")
    args = parser.parse_args()
    config = params.build(stems.SeparateConfig, params.load("separate")["separate"], "separate")
    tracks = sorted(read_tracks(args.raw / "tracks.csv"), key=lambda t: t.id)
    rejected = read_rejected(args.raw / "rejected.csv")
    stems.load(config, args.kit)  # before any work, so that a missing model ends the stage at once

    model = cache.files(args.kit) if config.model == "starter" else config.model
    scratch = cache.scratch("separate", config, model, cache.code(separation, stems))
    jobs = [stems.Job(track, args.raw, args.kit, config, scratch) for track in tracks]
    shutil.rmtree(args.out, ignore_errors=True)
    kept: list[Track] = []
    notes: list[bytes] = []

    def results() -> Iterator[list[shards.Member]]:
        for track, made in zip(tracks, parallel_map(stems.separate_track, jobs, "separating"), strict=True):
            if isinstance(made, str):
                rejected.append(Rejected(track.file_path, "separate", made))
                continue
            kept.append(track)
            notes.extend(m.data for m in made if m.name == "json")
            yield made

    shards.write(args.out, results())
    if not kept:
        raise UserError(f"{args.raw}: none of {len(tracks)} tracks could be separated; see rejected.csv")
    write_tracks(args.out / "tracks.csv", kept)
    write_rejected(args.out / "rejected.csv", rejected)
    write_json(args.metrics, stems.summarise(notes, len(rejected)))


if __name__ == "__main__":
    script(main)
