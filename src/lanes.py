"""Train the starter's lanes, make their clips and measure them side by side where there is no GPU: these stages compute
on one core each, lanes and measurements do not wait for each other, and `dvc repro` runs one stage at a time. The
rest is for the `dvc repro` that follows.

By hand: python src/lanes.py [--jobs 2]
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from lowend import params
from lowend.errors import UserError, script
from lowend.models import devices
from lowend.workers import worker_count

BASE = "base"
MEASURING = {"evaluate": "evaluations", "forget": "forgetting"}
"""Stages that hear the clips of all models, and where params.yaml lists their keys."""


def lanes(curriculum: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """The keys of each lane, in the curriculum's order: all that follows from one stage that starts from the base.

    Raises:
        UserError: a stage starts from none that stands before it.
    """
    found: dict[str, list[str]] = {}
    root: dict[str, str] = {}
    for key, stage in curriculum.items():
        init = stage["init"]
        if init != BASE and init not in root:
            raise UserError(f"params.yaml: `curriculum.{key}.init` is {init!r}, no stage that stands before it")
        root[key] = key if init == BASE else root[init]
        found.setdefault(root[key], []).append(key)
    return list(found.values())


def targets(
    curriculum: Mapping[str, Mapping[str, str]], generations: Mapping[str, Mapping[str, str]]
) -> list[list[str]]:
    """DVC's names of the stages of each lane: each training, then its model's clips; those of the base come last."""

    def clips(model: str) -> list[str]:
        return [f"generate@{key}" for key, one in generations.items() if one["model"] == model]

    apart = [[name for key in lane for name in (f"train@{key}", *clips(key))] for lane in lanes(curriculum)]
    return [lane for lane in (*apart, clips(BASE)) if lane]


def repro(*arguments: str) -> bool:
    """`dvc repro`, perhaps beside others of its kind; whether it succeeded."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *arguments]
    return subprocess.run(command, check=False).returncode == 0


def side_by_side(apart: Sequence[Sequence[str]], jobs: int) -> None:
    """Run lists of DVC's stages, each list in order, `jobs` lists at a time.

    Raises:
        UserError: a stage failed; the other lists ran to their end.
    """
    with ThreadPoolExecutor(jobs) as pool:  # single items: DVC looks at an ancestor only where nobody reads it
        done = list(pool.map(lambda lane: repro("--single-item", *lane), apart))
    if failed := [lane[0] for lane, good in zip(apart, done, strict=True) if not good]:
        raise UserError(f"failed, for the reason above: {', '.join(failed)}, or a stage after it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, help="lanes at a time (default: LOWEND_WORKERS, or the cores)")
    args = parser.parse_args()
    loaded = params.load("base", "curriculum", "generations", *MEASURING.values())
    jobs = args.jobs or worker_count()
    apart = targets(loaded["curriculum"], loaded["generations"])
    if min(jobs, len(apart)) < 2 or loaded["base"]["model"] != "starter" or devices.best() != "cpu":
        logging.info("one lane at a time: nothing to do here")
        return
    if not repro(BASE, "encode"):
        raise UserError("the lanes were not started, because what comes before them failed")
    measured = [[f"{stage}@{key}"] for stage, name in MEASURING.items() for key in loaded[name]]
    for together in (apart, [["classifier"]], measured):
        side_by_side(together, jobs)


if __name__ == "__main__":
    script(main)
