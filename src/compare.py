"""All evaluated models of each genre side by side, on one page.

By hand: python src/compare.py --metrics metrics --out reports/comparison.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import comparison, params
from lowend.errors import script
from lowend.page import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--metrics", type=Path, required=True, help="folder with train/ and evaluate/")
    parser.add_argument("--out", type=Path, required=True, help="HTML file to write")
    args = parser.parse_args()
    asked = comparison.Params(**params.load("curriculum", "generations", "evaluations"))
    html = render("comparison.html", {"tables": comparison.tables(asked, args.metrics)})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    script(main)
