"""Split tracks into stems that sum to the mix.

By hand: python src/separate.py --raw DIR --out DIR --metrics FILE
Reads DIR/tracks.csv and DIR/audio/; writes tar shards of <id>.<stem>.flac at the model's rate.
Where the source knows its true stems, the SI-SDR against them goes into the metrics.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from lowend import cache, params, shards
from lowend.audio import io, separation, stems
from lowend.errors import UserError, script
from lowend.setaside import sort_out
from lowend.tracks import read_rejected, read_tracks, write_json, write_rejected, write_tracks


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
    scratch = cache.scratch("separate", config, model, cache.code(io, separation, stems))
    jobs = [stems.Job(track, args.raw, args.kit, config, scratch) for track in tracks]
    done = cache.compute_groups(stems.separate_tracks, jobs, "separating", stems.tracks_at_once(tracks))
    usable, refused = sort_out(tracks, done, "separate")
    if not usable:
        raise UserError(f"{args.raw}: none of {len(tracks)} tracks could be separated; see the reasons above")

    shutil.rmtree(args.out, ignore_errors=True)
    shards.merge(args.out, ((kept.id, kept.home) for _, kept in usable))
    write_tracks(args.out / "tracks.csv", [track for track, _ in usable])
    write_rejected(args.out / "rejected.csv", [*rejected, *refused])
    write_json(args.metrics, stems.summarise([kept.note for _, kept in usable], len(rejected) + len(refused)))


if __name__ == "__main__":
    script(main)
