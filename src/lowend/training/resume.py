"""What a killed stage continues from: the newest whole state, written beside and then renamed."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from lowend.errors import UserError


def save(folder: Path, step: int, state: dict[str, Any], keep: int) -> None:
    """Save the state of `step` as `<step>.pt`, and delete all but the `keep` newest.

    The bytes are on the disk before the name is: a kill or a power cut leaves the states of before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial.tmp"
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / f"{step:09d}.pt")
    for old in sorted(folder.glob("*.pt"))[:-keep]:
        old.unlink()


def load(folder: Path, mapped: bool = False) -> dict[str, Any] | None:
    """The newest state that is whole, or None where there is none at all. Tensors and plain values only: no code runs.

    All tensors are in main memory, or with `mapped` stay on the disk until they are used.

    Raises:
        UserError: there are states, and all are damaged; a stage never starts afresh by itself.
    """
    states = sorted(folder.glob("*.pt"), reverse=True)
    for path in states:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
            return state
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            logging.getLogger(__name__).warning("%s is damaged (%s); trying the state before it", path, reason)
    if states:
        raise UserError(f"{folder} holds damaged states only: delete it, and the stage trains again from its init")
    return None


def clear(folder: Path) -> None:
    """Forget a finished stage."""
    shutil.rmtree(folder, ignore_errors=True)
