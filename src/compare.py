"""All evaluated models of each genre side by side: on one page, and as tables that `dvc plots` draws.

By hand: python src/compare.py --metrics metrics --out reports/comparison.html --plots metrics/plots
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import comparison, curves, params
from lowend.errors import script
from lowend.page import render
from lowend.tracks import read_csv, write_csv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--metrics", type=Path, required=True, help="folder with train/, evaluate/ and clips/")
    parser.add_argument("--out", type=Path, required=True, help="HTML file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder for fad.csv and adherence.csv")
    args = parser.parse_args()
    asked = comparison.Params(**params.load("curriculum", "generations", "evaluations"))
    models = comparison.by_genre(asked, args.metrics)
    html = render("comparison.html", {"tables": [comparison.table(*one) for one in models.items()]})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(html, encoding="utf-8")
    write_csv(args.plots / "fad.csv", curves.distances(models), ("model", "fad"))
    tables = ((key, read_csv(args.metrics / "clips" / f"{key}.csv")) for key in asked.evaluations)
    kept = [row for key, rows in tables for row in curves.adherence(key, rows)]
    write_csv(args.plots / "adherence.csv", kept, ("evaluation", "bpm", "tempo_right", "clips"))


if __name__ == "__main__":
    script(main)
