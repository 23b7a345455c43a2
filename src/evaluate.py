"""Metrics of one set of clips, beside those it is held against.

By hand: python src/evaluate.py hiphop-full --model models/hiphop-full --base models/base
  --codec models/codec --samples data/samples/hiphop-full --against data/samples/base-hiphop
  --tokens data/tokens/hiphop --splits data/splits/hiphop --classifier models/classifier.json
  --metrics metrics/evaluate/hiphop-full.json --clips metrics/evaluate/hiphop-full.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

from lowend import params
from lowend.audio import analysis
from lowend.errors import UserError, script
from lowend.metrics import classifier, evaluation
from lowend.tracks import write_csv, write_json

CLIP_COLUMNS = (
    "side", "asked_bpm",
    "bpm", "key", "tempo_error", "tempo_right", "key_distance", "key_right", "low_share", "is_silent",
    "tempo_error_bpm", "wobble_hz", "wobble_error", "wobble_right",
    "part", "structure_right", "heard", "instruments_right", "instruments_false",
    "sub_share", "bass_share", "kick_sub_correlation", "mono_loss_db", "low_mono_loss_db", "stereo_width",
    "attack_db", "lufs", "clipped_share",
    "fad", "kld", "clap", "nearest_track", "train_overlap", "train_distance", "is_copy", "is_repeated", "is_broken",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `evaluations` in params.yaml")
    for name, what in (
        ("model", "checkpoint folder that made the clips"),
        ("base", "checkpoint folder of the base model"),
        ("codec", "checkpoint folder of the codec"),
        ("samples", "clips to evaluate"),
        ("against", "clips to hold them against"),
        ("tokens", "real tokens of the genre"),
        ("splits", "splits of the genre"),
        ("classifier", "what classifier.py learned"),
        ("metrics", "JSON file to write"),
        ("clips", "CSV file to write: what was found in each clip of both sides"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--kit", type=Path, default=Path("starter/kit/tagger"), help="the starter's tagger")
    parser.add_argument("--separator", type=Path, default=Path("starter/kit/separator"), help="the starter's separator")
    args = parser.parse_args()
    about = f"evaluations.{args.key}"
    loaded = params.load("evaluate", about)
    config = params.build(evaluation.EvaluateConfig, loaded["evaluate"], "evaluate")
    analysis.backend(config.analysis)
    learned = classifier.read(args.classifier, config.embedder)
    subject = evaluation.Subject(args.key, loaded[about]["genre"], learned)
    folders = evaluation.Folders(args.model, args.base, args.codec, args.tokens, args.splits, args.kit)
    try:
        metrics, sides = evaluation.compare(subject, args.samples, args.against, folders, args.separator, config)
    except ValueError as error:
        raise UserError(str(error)) from None
    metrics |= evaluation.likelihood(folders, config, args.key)
    write_json(args.metrics, metrics)
    rows = [SimpleNamespace(side=side, **one.row()) for side, judged in sides.items() for one in judged]
    write_csv(args.clips, rows, CLIP_COLUMNS)


if __name__ == "__main__":
    script(main)
