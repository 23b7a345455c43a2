"""Where models run."""

from __future__ import annotations

import torch


def best() -> str:
    """The first GPU, or the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"
