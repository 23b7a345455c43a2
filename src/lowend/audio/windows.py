"""Pieces of mono audio for models that hear so many seconds at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]  # [S]


def parts(mono: Mono, longest: int) -> list[Mono]:
    """[S] in parts of at most `longest` samples, alike in length, that make up the whole."""
    count = max(1, -(-len(mono) // longest))
    return [np.ascontiguousarray(part) for part in np.array_split(mono, count)]


def sliding(mono: Mono, size: int, hop: int) -> list[Mono]:
    """Windows of `size` samples, one every `hop`; audio that is shorter is one window, as short as it is."""
    starts = range(0, max(0, len(mono) - size) + 1, hop)
    return [np.ascontiguousarray(mono[start : start + size]) for start in starts]
