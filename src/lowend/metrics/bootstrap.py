"""Percentile bootstrap intervals; what is resampled is what is independent (tracks, clips)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowend.seeds import rng


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

    Raises:
        ValueError: n is 0.
    """
    if n == 0:
        raise ValueError(f"{name}: nothing to resample")
    draw = rng("bootstrap", name)
    values = [statistic(draw.integers(0, n, n)) for _ in range(resamples)]
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(statistic(np.arange(n)), float(low), float(high), n)


def mean(values: Sequence[float] | NDArray[np.float64], resamples: int, name: str) -> Estimate:
    """Mean of one value a unit (Efron & Tibshirani, 1993, ch. 13)."""
    data = np.asarray(values, np.float64)
    return interval(lambda chosen: float(data[chosen].mean()), len(data), resamples, name)
