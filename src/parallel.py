"""Run stages of the graph side by side where there is no GPU: what follows the preparation computes on one core each,
and `dvc repro` runs one stage at a time. It ends where a `dvc repro` finds nothing left to do.

By hand: python src/parallel.py [--jobs 2]
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from dvc.repo import Repo

from lowend import params
from lowend.errors import UserError, script
from lowend.models import devices
from lowend.workers import worker_count

PREPARATION = ("base", "encode")
"""These and all before them use every core by themselves."""


def changed() -> dict[str, set[str]]:
    """DVC's stages that changed or wait for one that did, each with those among them that it waits for."""
    with Repo() as repo:
        graph, own = repo.index.graph, repo.status()
    before = {stage.addressing: {dep.addressing for dep in graph.successors(stage)} for stage in graph}
    found: dict[str, set[str]] = {}
    for name in TopologicalSorter(before).static_order():
        waits_for = before[name] & found.keys()
        if name in own or waits_for:
            found[name] = waits_for
    return found


def stages_behind(waits_for: Mapping[str, set[str]]) -> dict[str, int]:
    """How many stages at most follow one another after each."""
    found = dict.fromkeys(waits_for, 0)
    for name in reversed([*TopologicalSorter(waits_for).static_order()]):
        for earlier in waits_for[name]:
            found[earlier] = max(found[earlier], found[name] + 1)
    return found


def repro(*arguments: str) -> bool:
    """`dvc repro`, perhaps beside others of its kind; whether it succeeded."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *arguments]
    return subprocess.run(command, check=False).returncode == 0


def side_by_side(waits_for: Mapping[str, set[str]], jobs: int) -> None:
    """Run stages, `jobs` at a time, each when all that it waits for are done; first those with the most behind them.

    Raises:
        UserError: stages failed; what does not wait for them ran.
    """
    behind, order = stages_behind(waits_for), TopologicalSorter(waits_for)
    order.prepare()
    ready: list[str] = []
    failed: list[str] = []
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while True:
            ready = sorted([*ready, *order.get_ready()], key=lambda name: -behind[name])
            while ready and len(running) < jobs:
                name = ready.pop(0)  # single items: DVC looks at an ancestor only where nobody reads it
                running[pool.submit(repro, "--single-item", name)] = name
            if not running:
                break
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(ended)
                if ended.result():
                    order.done(name)
                else:
                    failed.append(name)
    if failed:
        raise UserError(f"failed, for the reason above: {', '.join(failed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, help="stages at a time (default: LOWEND_WORKERS, or the cores)")
    args = parser.parse_args()
    jobs = args.jobs or worker_count()
    if jobs < 2 or params.load("base")["base"]["model"] != "starter" or devices.best() != "cpu":
        logging.info("one stage at a time: nothing to do here")
        return
    if not repro(*PREPARATION):
        raise UserError("the other stages were not started, because the preparation failed")
    side_by_side(changed(), jobs)


if __name__ == "__main__":
    script(main)
