"""Mean and covariance of embeddings, a clip at a time: memory does not grow with the number of clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lowend.metrics.embedders import Embeddings

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Of `count` windows: mean [D] and scatter [D, D], the sum of outer products of what differs from the mean."""

    count: int
    mean: Array
    scatter: Array

    @property
    def covariance(self) -> Array:
        """The sample covariance [D, D]; zeros for a single window, which does not vary."""
        return self.scatter / max(self.count - 1, 1)


def of(windows: Embeddings) -> Moments:
    """Moments of windows [N, D].

    Raises:
        ValueError: there are none.
    """
    if not len(windows):
        raise ValueError("no windows have no mean")
    mean = windows.mean(0)
    centred = windows - mean
    return Moments(len(windows), mean, centred.T @ centred)


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of both sets together (Chan, Golub & LeVeque, 1983)."""
    count = a.count + b.count
    apart = b.mean - a.mean
    between = np.outer(apart, apart) * (a.count * b.count / count)
    return Moments(count, a.mean + apart * (b.count / count), a.scatter + b.scatter + between)


def collect(clips: Iterable[Embeddings]) -> Moments:
    """Moments of all windows of clips [n, D], of which one at a time is held.

    Raises:
        ValueError: there are none.
    """
    parts = (of(clip) for clip in clips if len(clip))
    first = next(parts, None)
    if first is None:
        raise ValueError("no windows have no mean")
    return reduce(merge, parts, first)
