"""Merge listeners' files of the blind test into metrics: preference, ratings and the listeners' agreement.

By hand: python src/ratings.py ann.json bob.json --out metrics/ratings.json
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from lowend import params, ratings
from lowend.errors import script
from lowend.tracks import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="files that listening pages saved")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    resamples = params.load("evaluate.bootstrap")["evaluate.bootstrap"]
    merged = ratings.merge([ratings.read(path) for path in args.files], resamples)
    write_json(args.out, merged)
    for page, m in merged.items():
        logging.info(
            "%s: preferred in %.0f%% (%.0f%% … %.0f%%) of %d answers by %d listeners",
            page, *(100 * m[f"preference{end}"] for end in ("", "_low", "_high")), m["answers"], m["listeners"],
        )  # fmt: skip


if __name__ == "__main__":
    script(main)
