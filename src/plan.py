"""What the curriculum will take: memory by part, the batch that fits, steps and time, here and elsewhere.

By hand: python src/plan.py [--check] [--shards 4]
With --shards it plans for one of so many processes that share the model out (LOWEND_SHARD). With --check it says
nothing unless a stage will not fit here, and then what to lower, or the settings of the base model or the order
of the curriculum cannot be meant, and then it fails. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lowend import params
from lowend.errors import UserError, script
from lowend.models import base, transformers_format
from lowend.models.base import BaseConfig
from lowend.training import memory, planner
from lowend.training.config import TrainConfig
from lowend.training.memory import Memory
from lowend.training.planner import GIB, Device
from lowend.training.stage import StageConfig, scaled

KIT = Path("starter/kit/musicgen")


def parts(needed: Memory, on_gpu: int) -> Iterator[str]:
    """The memory of a stage, a line a part; a GPU with a memory of its own needs `on_gpu` bytes."""
    yield f"parameters   {needed.parameters / 1e6:10,.1f} M, {needed.trainable / 1e6:,.1f} M of them train"
    for field in fields(needed):
        if field.name not in ("parameters", "trainable"):
            yield f"{field.name:12} {getattr(needed, field.name) / GIB:10.2f} GiB"
    yield f"{'peak':12} {needed.peak / GIB:10.2f} GiB in all; {on_gpu / GIB:.2f} GiB on a GPU"


def duration(seconds: float) -> str:
    """Hours and minutes."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def table(
    model: Mapping[str, Any], t5: Path | None, config: TrainConfig, stages: Mapping[str, TrainConfig], shards: int = 1
) -> Iterator[str]:
    """The plan of a curriculum, line by line: all stages take the memory of `config`, each its own time."""
    program = planner.program_bytes()
    needed = {own: memory.predict(model, t5, config, own, program, shards) for own in (False, True)}
    yield from parts(needed[False], needed[True].on_device)
    devices: list[Device] = [planner.this_device(config.precision), *planner.KNOWN]
    work = {key: stage.steps * planner.operations(model, stage) / shards for key, stage in stages.items()}
    steps = sum(stage.steps for stage in stages.values())
    yield ""
    yield f"{'device':28} {'fits':>5} {'batch':>6} {'a step':>10}  all stages"
    for device in devices:
        batch = planner.fitting_batch(device, model, t5, config, program, shards)
        seconds = sum(work.values()) / device.flops[config.precision]
        fits = "yes" if device.holds(needed[device.own_memory]) else "no"
        yield f"{device.name:28} {fits:>5} {batch:>6} {seconds / steps:>8.2f} s  {duration(seconds)}"
    yield ""
    yield f"{'stage':28} {'steps':>7}  on {devices[0].name}"
    for key, stage in stages.items():
        yield f"{key:28} {stage.steps:>7}  {duration(work[key] / devices[0].flops[config.precision])}"
    yield "Times leave out validation, and early stopping may end a stage sooner."


def warning(model: Mapping[str, Any], t5: Path | None, config: TrainConfig) -> str:
    """What to say before something is started that will not fit here; empty where it fits."""
    program, device = planner.program_bytes(), planner.this_device(config.precision)
    needed = memory.predict(model, t5, config, device.own_memory, program)
    if device.holds(needed):
        return ""
    taken = needed.on_device if device.own_memory else needed.peak
    batch = planner.fitting_batch(device, model, t5, config, program)
    way = f"train.batch_size {batch} fits" if batch else "set train.checkpointing, train.method lora or a smaller base"
    return f"training needs {taken / GIB:.1f} GiB and {device.name} has {device.bytes / GIB:.1f} GiB free: {way}"


def check(config: BaseConfig, model: Mapping[str, Any], channels: int) -> None:
    """Find now what the stages base and encode would stop at, hours later.

    Raises:
        UserError: the base model is not pinned, or hears another number of channels than tracks have.
    """
    base.check(config)
    wanted = transformers_format.channels(model)
    if channels != wanted:
        raise UserError(
            f"params.yaml: `normalize.channels` is {channels}, and {config.model} hears {wanted}: "
            f"set it to {wanted}, or choose another base.model"
        )


def check_order(stages: Mapping[str, StageConfig]) -> None:
    """Find now which stage of the curriculum would have nothing to start from.

    Raises:
        UserError: a stage starts from none that stands before it.
    """
    before = ["base"]
    for key, stage in stages.items():
        if stage.init not in before:
            raise UserError(
                f"params.yaml: `curriculum.{key}.init` is {stage.init!r}: name base, or a stage that stands before it"
            )
        before.append(key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only warn of what will not fit here")
    parser.add_argument("--shards", type=int, default=1, metavar="N", help="plan for one of N processes")
    args = parser.parse_args()
    if args.shards < 1:
        parser.error("--shards must be 1 or more")
    loaded = params.load("train", "curriculum", "base", "normalize.channels")
    config = params.build(TrainConfig, loaded["train"], "train")
    stages = {
        key: params.build(StageConfig, section, f"curriculum.{key}") for key, section in loaded["curriculum"].items()
    }
    chosen = params.build(BaseConfig, loaded["base"], "base")
    model, t5 = planner.model_of(chosen.model, KIT)
    if args.check:
        check(chosen, model, loaded["normalize.channels"])
        check_order(stages)
        if problem := warning(model, t5, config):
            logging.warning("plan.py: %s", problem)
        return
    scaled_stages = {key: scaled(config, stage, key) for key, stage in stages.items()}
    for line in table(model, t5, config, scaled_stages, args.shards):
        print(line)


if __name__ == "__main__":
    script(main)
