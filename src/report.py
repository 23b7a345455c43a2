"""A page to read and hear: one HTML file that needs nothing else.

By hand: python src/report.py hiphop-full --samples DIR --against DIR --metrics FILE --clips FILE
  --curves metrics/train/hiphop-full --out reports/hiphop-full
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from lowend import params, report
from lowend.errors import script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `evaluations` in params.yaml")
    parser.add_argument("--samples", type=Path, required=True, help="clips of the model")
    parser.add_argument("--against", type=Path, required=True, help="clips that they are held against")
    parser.add_argument("--metrics", type=Path, required=True, help="evaluate's JSON file")
    parser.add_argument("--clips", type=Path, required=True, help="evaluate's CSV file")
    parser.add_argument("--curves", type=Path, required=True, help="DVCLive's folder of the model's training")
    parser.add_argument("--out", type=Path, required=True, help="folder for index.html")
    args = parser.parse_args()
    name = f"evaluations.{args.key}"
    about = params.load(name)[name]
    names = (about["model"], about["genre"], about["against"])
    html = report.page(args.key, names, args.samples, args.against, args.metrics, args.clips, args.curves)
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    (args.out / "index.html").write_text(html, encoding="utf-8")


if __name__ == "__main__":
    script(main)
