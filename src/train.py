"""One stage of the curriculum.

By hand: python src/train.py hiphop-drums --init models/base --out models/hiphop-drums
  --tokens data/tokens/hiphop --splits data/splits/hiphop --live metrics/train/hiphop-drums
Continues after a kill from LOWEND_SCRATCH (default scratch/). LOWEND_LAUNCH="torchrun --nproc-per-node 4"
starts it as several processes, with the same result; LOWEND_SHARD=1 shares out the model among them, too.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from functools import partial
from pathlib import Path

from lowend import cache, params
from lowend.errors import UserError, script
from lowend.models.allocator import keep_freed_memory
from lowend.training import samples, team
from lowend.training.config import TrainConfig
from lowend.training.recorder import recorder
from lowend.training.stage import Folders, Settings, StageConfig, run, scaled

_STARTED = "started"  # what a process finds in LOWEND_LAUNCH that the launcher started


def launch() -> None:
    """Become the launcher that LOWEND_LAUNCH names, unless it started us.

    Raises:
        UserError: there is no such program, or it does not tell its processes who they are.
    """
    words = shlex.split(os.environ.get("LOWEND_LAUNCH", ""))
    if not words or "RANK" in os.environ:
        return
    if words == [_STARTED]:
        raise UserError(
            "LOWEND_LAUNCH started a process without RANK and WORLD_SIZE, as `accelerate launch` does for one process "
            "and on CPUs: use torchrun, or unset it"
        )
    beside = Path(sys.executable).parent / words[0]
    os.environ["LOWEND_LAUNCH"] = _STARTED
    try:
        os.execvp(str(beside) if beside.exists() else words[0], [*words, *sys.argv])
    except FileNotFoundError:
        raise UserError(f"LOWEND_LAUNCH names {words[0]!r}, which is no program here: install or unset it") from None


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
    launch()
    keep_freed_memory()
    name = f"curriculum.{args.key}"
    loaded = params.load("seed", "lr", "licence", "train", name)
    stage = params.build(StageConfig, loaded[name], name)
    config = scaled(params.build(TrainConfig, loaded["train"], "train"), stage, args.key)
    settings = Settings(loaded["seed"], loaded["lr"], loaded["licence"], config, stage)
    replay_tokens, replay_splits = args.replay_tokens or args.tokens, args.replay_splits or args.splits
    folders = Folders(args.init, args.tokens, args.splits, replay_tokens, replay_splits, args.out)
    crew = team.join(config.accumulate)
    listening, scratch = samples.count() > 0, cache.root()
    if not crew.leads:
        run(args.key, folders, settings, lambda _: None, crew, (lambda *_: None) if listening else None)
        return
    clips, prompts = scratch / "samples" / args.key, Path("prompts") / f"{stage.genre}.csv"
    with recorder(args.live, scratch, args.key, config) as recorded:
        hear = partial(samples.make, clips, args.init, prompts, recorded.play) if listening else None
        summary = run(args.key, folders, settings, recorded.on_step, crew, hear)
        recorded.live.summary = dict(summary)
        recorded.live.make_summary()
    logging.info(
        "%s: held-out cross-entropy %.4f -> %.4f (change %.4f .. %.4f)",
        args.key, summary["ce_init"], summary["ce"], summary["ce_change_low"], summary["ce_change_high"],
    )  # fmt: skip


if __name__ == "__main__":
    script(main)
