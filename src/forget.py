"""What a model lost of what it was not trained on: other music, and another genre.

By hand: python src/forget.py dubstep-full --model models/dubstep-full --against models/base
  --samples data/samples/dubstep-full-neutral --before data/samples/base-neutral
  --tokens data/tokens/hiphop --splits data/splits/hiphop --prompts prompts/dubstep.csv
  --metrics metrics/forgetting/dubstep-full.json --clips metrics/forgetting/dubstep-full.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

from lowend import params
from lowend.audio import analysis
from lowend.errors import UserError, script
from lowend.metrics import forgetting
from lowend.metrics.evaluation import EvaluateConfig
from lowend.tracks import write_csv, write_json

COLUMNS = ("prompt", *(f"{side}{name}" for name in forgetting.PAIRED for side in ("", "against_")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `forgetting` in params.yaml")
    for name, what in (
        ("model", "checkpoint folder of the model"),
        ("against", "checkpoint folder of the model that it is held against"),
        ("samples", "the model's clips of neutral prompts"),
        ("before", "the other model's clips of the same prompts"),
        ("tokens", "real tokens of the other genre"),
        ("splits", "splits of the other genre"),
        ("prompts", "prompts of the genre that the model learned, for its sub-genres"),
        ("metrics", "JSON file to write"),
        ("clips", "CSV file to write: both models' figures of each prompt"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--kit", type=Path, default=Path("starter/kit/tagger"), help="the starter's tagger")
    args = parser.parse_args()
    name = f"forgetting.{args.key}"
    loaded = params.load("evaluate", name)
    params.build(forgetting.ForgettingConfig, loaded[name], name)
    config = params.build(EvaluateConfig, loaded["evaluate"], "evaluate")
    analysis.backend(config.analysis)
    read = ("model", "against", "samples", "before", "tokens", "splits", "prompts", "kit")
    folders = forgetting.Folders(*(getattr(args, one) for one in read))
    try:
        metrics, rows = forgetting.measure(args.key, folders, config)
    except ValueError as error:
        raise UserError(str(error)) from None
    write_json(args.metrics, metrics)
    write_csv(args.clips, [SimpleNamespace(**row) for row in rows], COLUMNS)


if __name__ == "__main__":
    script(main)
