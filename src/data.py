"""A look at one genre's data: counts, histograms, loudness, doubts, rejected files, and tracks to hear.

By hand: python src/data.py hiphop --captions data/captions --audio data/audio --stems data/stems
  --splits data/splits/hiphop --out reports/data/hiphop.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import datapage, dataset, params
from lowend.errors import UserError, script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("genre", help="a key of `genres` in params.yaml")
    parser.add_argument("--captions", type=Path, required=True, help="folder of <genre>/<source>.csv")
    parser.add_argument("--audio", type=Path, required=True, help="normalize.py wrote <genre>/<source> here")
    parser.add_argument("--stems", type=Path, required=True, help="separate.py wrote <genre>/<source> here")
    parser.add_argument("--splits", type=Path, required=True, help="what split.py wrote for the genre")
    parser.add_argument("--out", type=Path, required=True, help="HTML file to write")
    args = parser.parse_args()
    loaded = params.load("licence", "sources")
    mine = {key: s for key, s in loaded["sources"].items() if s["genre"] == args.genre}
    if not mine:
        raise UserError(f"params.yaml: no source under `sources` has `genre: {args.genre}`")
    folders = dataset.Folders(args.captions, args.audio, args.stems, args.splits)
    data = dataset.read(args.genre, folders, mine, loaded["licence"])
    html = datapage.page(args.genre, loaded["licence"], folders, data)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    script(main)
