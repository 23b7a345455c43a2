"""Percentile bootstrap intervals; what is resampled is what is independent (tracks, clips)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowend.seeds import rng
from lowend.workers import thread_map


class Estimate(NamedTuple):
    """A value with its 95 % interval and the number of independent units behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_metrics(self, name: str, digits: int = 4) -> dict[str, float]:
        """`name`, `name_low`, `name_high`, rounded, as flat JSON wants them."""
        return {
            name: round(self.value, digits),
            f"{name}_low": round(self.low, digits),
            f"{name}_high": round(self.high, digits),
        }


def interval(statistic: Callable[[NDArray[np.intp]], float], n: int, resamples: int, name: str) -> Estimate:
    """Estimate `statistic(indices)` over n units, its interval from resampled indices seeded by `name`.

    The statistic is called from several threads.

    Raises:
        ValueError: n is 0.
    """
    values = thread_map(statistic, _draws(n, resamples, name))
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(statistic(np.arange(n)), float(low), float(high), n)


def mean(values: Sequence[float] | NDArray[np.float64], resamples: int, name: str) -> Estimate:
    """Mean of one value a unit (Efron & Tibshirani, 1993, ch. 13).

    Raises:
        ValueError: there are none.
    """
    data = np.asarray(values, np.float64)
    low, high = np.percentile(data[_draws(len(data), resamples, name)].mean(1), [2.5, 97.5])
    return Estimate(float(data.mean()), float(low), float(high), len(data))


def _draws(n: int, resamples: int, name: str) -> NDArray[np.intp]:
    """Indices [resamples, n] of as many samples with replacement."""
    if n == 0:
        raise ValueError(f"{name}: nothing to resample")
    return rng("bootstrap", name).integers(0, n, (resamples, n))
