"""Fetch one source's tracks and their licences.

By hand: python src/download.py hiphop-synth --out data/raw/hiphop/hiphop-synth
Writes tracks.csv, rejected.csv and audio/<id>.<extension> (and truth/ where stems are known). The user's
metadata.csv and exclude.csv in the source's `path` win over what the source says.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from lowend import params
from lowend.errors import UserError, script
from lowend.sources import Fetched, fetcher, files, metadata
from lowend.tracks import write_rejected, write_tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `sources` in params.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    name = f"sources.{args.key}"
    loaded = params.load("seed", "download", name)
    config = params.build(files.DownloadConfig, loaded["download"], "download")
    source = loaded[name]
    for field in ("kind", "genre", "path"):
        if field not in source:
            raise UserError(f"params.yaml: `{name}.{field}` is missing; add it")
    path = Path(source["path"])
    fetch, tables = fetcher(source["kind"]), metadata.read(path)
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    whole = metadata.apply(fetch(source, path, args.out, loaded["seed"]), tables)
    parts = files.cut_long(whole.tracks, args.out / "audio", config.part_s)
    found = metadata.apply(Fetched(parts, whole.rejected), tables)  # again: a row may name a part
    strays = metadata.strays(Fetched([*whole.tracks, *parts], found.rejected), tables)
    rejected = [*found.rejected, *strays]
    for item in rejected:
        logging.warning("set aside: %s: %s", item.file_path, item.reason)
    if not found.tracks:
        raise UserError(
            f"source {args.key}: no usable track in {source['path']} "
            f"({len(rejected)} set aside, see above); add tracks or remove the source from params.yaml"
        )
    write_tracks(args.out / "tracks.csv", found.tracks)
    write_rejected(args.out / "rejected.csv", rejected)
    logging.info("%s: %d tracks, %d set aside", args.key, len(found.tracks), len(rejected))


if __name__ == "__main__":
    script(main)
