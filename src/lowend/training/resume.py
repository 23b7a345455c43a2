"""What a killed stage continues from: the newest whole state, written beside and then renamed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch


def save(folder: Path, step: int, state: dict[str, Any], keep: int) -> None:
    """Save the state of `step` as `<step>.pt`, and delete all but the `keep` newest."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial.tmp"
    torch.save(state, partial)
    partial.replace(folder / f"{step:09d}.pt")
    for old in sorted(folder.glob("*.pt"))[:-keep]:
        old.unlink()


def load(folder: Path) -> dict[str, Any] | None:
    """The newest state, or None where there is none. Tensors and plain values only: no code runs."""
    states = sorted(folder.glob("*.pt"))
    if not states:
        return None
    state: dict[str, Any] = torch.load(states[-1], weights_only=True)
    return state


def clear(folder: Path) -> None:
    """Forget a finished stage."""
    shutil.rmtree(folder, ignore_errors=True)
