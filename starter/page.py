"""The starter kit's listening page, after the kit was made again and benchmarks/starter.py measured it.

By hand: python starter/page.py [--out docs/starter.html]
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from lowend import kit, kitpage
from lowend.errors import script

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kit", type=Path, default=ROOT / "starter/kit")
    parser.add_argument("--prompts", type=Path, default=ROOT / "prompts", help="folder of <genre>.csv")
    parser.add_argument(
        "--table", type=Path, default=ROOT / "starter/metrics/starter.json", help="the benchmark's table"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs/starter.html")
    args = parser.parse_args()
    kitpage.write(args.out, args.kit, args.prompts, kit.sampling(ROOT / "params.yaml"), args.table)
    logging.info("%s: %.2f MB", args.out, args.out.stat().st_size / 1e6)


if __name__ == "__main__":
    script(main)
