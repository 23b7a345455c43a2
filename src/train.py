"""One stage of the curriculum.

By hand: python src/train.py hiphop-drums --init models/base --out models/hiphop-drums
  --tokens data/tokens/hiphop --splits data/splits/hiphop --live metrics/train/hiphop-drums
Continues after a kill from LOWEND_SCRATCH (default scratch/).
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from pathlib import Path

from dvclive import Live
from tqdm import tqdm

from lowend import params
from lowend.errors import script
from lowend.training.loop import TrainConfig
from lowend.training.stage import Folders, Settings, StageConfig, run, scaled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `curriculum` in params.yaml")
    parser.add_argument("--init", type=Path, required=True, help="checkpoint folder to start from")
    parser.add_argument("--tokens", type=Path, required=True, help="what encode.py wrote for the genre")
    parser.add_argument("--splits", type=Path, required=True, help="what split.py wrote for the genre")
    parser.add_argument("--replay-tokens", type=Path, help="the same of the replayed genre; default: the genre itself")
    parser.add_argument("--replay-splits", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder to write")
    parser.add_argument("--live", type=Path, required=True, help="folder for DVCLive's metrics and plots")
    args = parser.parse_args()
    name = f"curriculum.{args.key}"
    loaded = params.load("seed", "lr", "licence", "train", name)
    stage = params.build(StageConfig, loaded[name], name)
    config = scaled(params.build(TrainConfig, loaded["train"], "train"), stage, args.key)
    settings = Settings(loaded["seed"], loaded["lr"], loaded["licence"], config, stage)
    replay_tokens, replay_splits = args.replay_tokens or args.tokens, args.replay_splits or args.splits
    folders = Folders(args.init, args.tokens, args.splits, replay_tokens, replay_splits, args.out)

    shutil.rmtree(args.live, ignore_errors=True)
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    with Live(str(args.live), dvcyaml=None, save_dvc_exp=False) as live:
        bar = tqdm(total=config.steps, desc=args.key, mininterval=2.0)

        def on_step(record: dict[str, float]) -> None:
            live.step = int(record["step"])
            for metric, value in record.items():
                if metric != "step":
                    live.log_metric(metric, round(value, 6))
            bar.update(int(record["step"]) - bar.n)
            bar.set_postfix(ce=f"{record['train_ce']:.3f}")

        summary = run(args.key, folders, settings, on_step)
        live.summary = {}
        for metric, value in summary.items():
            live.summary[metric] = value
        bar.close()
        live.make_summary()
    logging.info(
        "%s: held-out cross-entropy %.4f -> %.4f (change %.4f .. %.4f)",
        args.key, summary["ce_init"], summary["ce"], summary["ce_change_low"], summary["ce_change_high"],
    )  # fmt: skip


if __name__ == "__main__":
    script(main)
