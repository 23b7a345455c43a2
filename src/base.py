"""Fetch or unpack the base model and its codec, without running any code that they carry.

By hand: python src/base.py --out models/base --codec models/codec
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import params
from lowend.errors import script
from lowend.models import base


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the language model")
    parser.add_argument("--codec", type=Path, required=True, help="folder for the codec")
    parser.add_argument("--kit", type=Path, default=Path("starter/kit/musicgen"), help="the starter's models")
    args = parser.parse_args()
    config = params.build(base.BaseConfig, params.load("base")["base"], "base")
    folder, lineage = base.locate(config, args.kit)
    base.unpack(folder, lineage, args.out, args.codec)


if __name__ == "__main__":
    script(main)
