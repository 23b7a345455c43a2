"""Where a run can be watched: TensorBoard and Weights & Biases, as LOWEND_TRACKERS names them.

Only here and on the console may figures depend on the clock; what DVCLive keeps is compared by hash.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from lowend.audio.io import Wave
from lowend.errors import UserError

SETTING = "LOWEND_TRACKERS"


class Tracker(Protocol):
    """One place that shows curves and plays clips."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of a step."""

    def play(self, step: int, name: str, wav: Wave, rate: int) -> None:
        """A clip [C, S] in -1..1."""

    def close(self) -> None:
        """Write what is left."""


class TensorBoard:
    """Event files in `folder`, for `tensorboard --logdir`."""

    def __init__(self, folder: Path, key: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard" / key))  # type: ignore[no-untyped-call]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]

    def play(self, step: int, name: str, wav: Wave, rate: int) -> None:
        # TensorBoard takes one channel: [1, S].
        self._writer.add_audio(name, wav.mean(0, keepdims=True), step, rate)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self._writer.close()  # type: ignore[no-untyped-call]


class WandB:
    """A run of project `lowend`, or of WANDB_PROJECT; WANDB_MODE=offline writes it to `folder` alone."""

    def __init__(self, folder: Path, key: str) -> None:
        import wandb

        home = folder / "wandb" / key
        home.mkdir(parents=True)
        self._audio = wandb.Audio
        try:
            self._run = wandb.init(project=os.environ.get("WANDB_PROJECT", "lowend"), name=key, dir=str(home))
        except wandb.Error as error:
            raise UserError(
                f"{SETTING} names wandb, which says: {error}. Run `wandb login`, or set WANDB_MODE=offline"
            ) from None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def play(self, step: int, name: str, wav: Wave, rate: int) -> None:
        self._run.log({name: self._audio(np.asarray(wav.T), sample_rate=rate)}, step=step)

    def close(self) -> None:
        self._run.finish()


KNOWN: Mapping[str, Callable[[Path, str], Tracker]] = {"tensorboard": TensorBoard, "wandb": WandB}


@contextmanager
def opened(folder: Path, key: str) -> Iterator[list[Tracker]]:
    """The trackers that the environment names, each with a fresh log of stage `key` under `folder`.

    A stage that goes on after a kill tells its steps again from the first, so no log has to be continued.

    Raises:
        UserError: a name is unknown, or Weights & Biases refuses.
    """
    names = [name.strip() for name in os.environ.get(SETTING, "").split(",") if name.strip()]
    for name in names:
        if name not in KNOWN:
            raise UserError(f"{SETTING} names {name!r}; it knows {', '.join(KNOWN)}, with commas between")
    with ExitStack() as stack:
        found = []
        for name in names:
            shutil.rmtree(folder / name / key, ignore_errors=True)
            found.append(KNOWN[name](folder, key))
            stack.callback(found[-1].close)
        yield found
