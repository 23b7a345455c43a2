"""Fetch one source's tracks and their licences.

By hand: python src/download.py hiphop-synth --out data/raw/hiphop/hiphop-synth
Writes tracks.csv, rejected.csv and audio/<id>.<extension> (and truth/ where stems are known).
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from lowend import params
from lowend.errors import UserError, script
from lowend.sources import fetcher
from lowend.tracks import write_rejected, write_tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `sources` in params.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    name = f"sources.{args.key}"
    loaded = params.load("seed", name)
    source = loaded[name]
    for field in ("kind", "genre", "path"):
        if field not in source:
            raise UserError(f"params.yaml: `{name}.{field}` is missing; add it")
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    found = fetcher(source["kind"])(source, Path(source["path"]), args.out, loaded["seed"])
    for item in found.rejected:
        logging.warning("set aside: %s: %s", item.file_path, item.reason)
    if not found.tracks:
        raise UserError(
            f"source {args.key}: no usable track in {source['path']} "
            f"({len(found.rejected)} set aside, see above); add tracks or remove the source from params.yaml"
        )
    write_tracks(args.out / "tracks.csv", found.tracks)
    write_rejected(args.out / "rejected.csv", found.rejected)
    logging.info("%s: %d tracks, %d set aside", args.key, len(found.tracks), len(found.rejected))


if __name__ == "__main__":
    script(main)
