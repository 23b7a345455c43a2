"""Where a run can be watched: TensorBoard and Weights & Biases, as LOWEND_TRACKERS names them.

Only here and on the console may figures depend on the clock; what DVCLive keeps is compared by hash.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend.audio.io import Wave
from lowend.errors import UserError

SETTING = "LOWEND_TRACKERS"


@dataclass(frozen=True, slots=True)
class Tracker:
    """One place that shows curves and plays clips."""

    log: Callable[[int, Mapping[str, float]], None]  # a step and its figures
    play: Callable[[int, str, Wave, int], None]  # a step, a clip's name, the clip [C, S] in -1..1 and its rate in Hz
    close: Callable[[], None]


def tensorboard(folder: Path, key: str) -> Tracker:
    """Event files, for `tensorboard --logdir`."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))  # type: ignore[no-untyped-call]

    def log(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]

    def play(step: int, name: str, wav: Wave, rate: int) -> None:
        one_channel = wav.mean(0, keepdims=True)  # all that it takes
        writer.add_audio(name, one_channel, step, rate)  # type: ignore[no-untyped-call]

    return Tracker(log, play, writer.close)


def wandb(folder: Path, key: str) -> Tracker:
    """A run of project `lowend`, or of WANDB_PROJECT; WANDB_MODE=offline keeps it in `folder`.

    Raises:
        UserError: Weights & Biases refuses, for want of a key or a connection.
    """
    import wandb as client

    project = os.environ.get("WANDB_PROJECT", "lowend")
    try:
        run = client.init(project=project, name=key, dir=str(folder))
    except client.Error as error:
        raise UserError(
            f"{SETTING} names wandb, which says: {error}. Run `wandb login`, or set WANDB_MODE=offline"
        ) from None

    def play(step: int, name: str, wav: Wave, rate: int) -> None:
        run.log({name: client.Audio(np.asarray(wav.T), sample_rate=rate)}, step=step)

    return Tracker(lambda step, values: run.log(dict(values), step=step), play, run.finish)


KNOWN: Mapping[str, Callable[[Path, str], Tracker]] = {"tensorboard": tensorboard, "wandb": wandb}


@contextmanager
def opened(home: Path, key: str) -> Iterator[list[Tracker]]:
    """The trackers that the environment names, each with a fresh log of stage `key` in `home/<name>/<key>`.

    A stage that goes on after a kill tells its steps again from the first, so no log has to be continued.

    Raises:
        UserError: a name is unknown, or a tracker refuses.
    """
    names = [name.strip() for name in os.environ.get(SETTING, "").split(",") if name.strip()]
    for name in names:
        if name not in KNOWN:
            raise UserError(f"{SETTING} names {name!r}; it knows {', '.join(KNOWN)}, with commas between")
    with ExitStack() as stack:
        found = []
        for name in names:
            folder = home / name / key
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            found.append(KNOWN[name](folder, key))
            stack.callback(found[-1].close)
        yield found
