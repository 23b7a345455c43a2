"""Group artists and duplicates over all sources and genres.

By hand: python src/dedupe.py --captions data/captions --out data/clusters --metrics FILE
Writes <genre>.csv with id, cluster, side (only where a cluster spans genres) and duplicate_of.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from lowend import clusters, params
from lowend.errors import script
from lowend.splits import SplitConfig
from lowend.tracks import Track, read_tracks, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True, help="folder of <genre>/<source>.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for counts")
    args = parser.parse_args()
    loaded = params.load("split", "sources")
    config = params.build(SplitConfig, loaded["split"], "split")
    tables = [read_tracks(path) for path in clusters.source_files(args.captions, loaded["sources"])]
    tracks = [track for table in tables for track in table]
    unique: dict[tuple[str, str], Track] = {(t.genre, t.id): t for t in tracks}
    members = clusters.find(tracks, config.valid, config.test)
    shutil.rmtree(args.out, ignore_errors=True)
    clusters.write(args.out, [(genre, members[track_id]) for genre, track_id in unique])
    metrics = {
        "tracks": len(tracks),
        "clusters": len({m.cluster for m in members.values()}),
        "duplicates": sum(bool(m.duplicate_of) for m in members.values()) + len(tracks) - len(members),
        "clusters_over_genres": len({m.cluster for m in members.values() if m.side}),
    }
    write_json(args.metrics, metrics)
    logging.info("%(tracks)d tracks in %(clusters)d clusters, %(duplicates)d duplicates", metrics)


if __name__ == "__main__":
    script(main)
