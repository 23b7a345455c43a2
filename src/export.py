"""The release in the formats of the ecosystem.

By hand: python src/export.py --model models/joint --codec models/codec --metrics metrics/evaluate
  --out models/export
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import export
from lowend.errors import script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint folder of the model")
    parser.add_argument("--codec", type=Path, required=True, help="checkpoint folder of the codec")
    parser.add_argument("--metrics", type=Path, required=True, help="folder of evaluate's JSON files, for the card")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    export.release(args.model, args.codec, args.metrics, args.out)


if __name__ == "__main__":
    script(main)
