"""Assign whole clusters to train, valid and test; enforce licences.

By hand: python src/split.py hiphop --captions DIR --clusters FILE --out DIR --metrics FILE
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from lowend import clusters, params
from lowend.errors import UserError, script
from lowend.splits import SplitConfig, assign
from lowend.tracks import read_tracks, write_json, write_tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("genre", help="a key of `genres` in params.yaml")
    parser.add_argument("--captions", type=Path, required=True, help="folder of <source>.csv of this genre")
    parser.add_argument("--clusters", type=Path, required=True, help="CSV file of this genre's clusters")
    parser.add_argument("--out", type=Path, required=True, help="folder for train.csv, valid.csv, test.csv")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for counts")
    args = parser.parse_args()
    loaded = params.load("licence", "split", "sources")
    config = params.build(SplitConfig, loaded["split"], "split")
    mine = {key: s for key, s in loaded["sources"].items() if s["genre"] == args.genre}
    files = clusters.source_files(args.captions.parent, mine)
    tracks = [track for path in files for track in read_tracks(path)]
    split = assign(tracks, clusters.read(args.clusters), config, loaded["licence"])
    empty = [side for side, rows in split.sides.items() if not rows]
    if empty:
        raise UserError(
            f"genre {args.genre}: no track for {' and '.join(empty)} out of {len(tracks)} "
            f"({len(split.gated)} train tracks lack a licence that `licence: {loaded['licence']}` admits, "
            f"{len(split.duplicates)} are duplicates); add tracks, or state their licence in metadata.csv"
        )
    shutil.rmtree(args.out, ignore_errors=True)
    metrics: dict[str, float] = {"duplicates": len(split.duplicates), "gated": len(split.gated)}
    for side, rows in split.sides.items():
        write_tracks(args.out / f"{side}.csv", rows)
        metrics[f"{side}_tracks"] = len(rows)
        metrics[f"{side}_hours"] = round(sum(t.duration or 0 for t in rows) / 3600, 4)
    for track in split.gated:
        logging.warning("not trained on: %s: licence %r is tier %d", track.file_path, track.licence, track.tier)
    write_json(args.metrics, metrics)


if __name__ == "__main__":
    script(main)
