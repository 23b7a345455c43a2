"""FAD extrapolated to endless clips (Chong & Forsyth, 2020, for pictures; Gui et al., 2024, for music).

A covariance of few windows makes FAD too large by about b / n, so sets of different sizes do not
compare. FAD of subsets of several sizes is fitted by a + b / n, and a is what n = infinity leaves. The
background stays as it is: what its own finite number adds remains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lowend.metrics import fad
from lowend.metrics.absent import Absent
from lowend.metrics.bootstrap import Estimate
from lowend.metrics.embedders import Embeddings
from lowend.seeds import rng

LEAST = 6
"""Windows for each dimension of the embedding: with fewer, FAD is not yet linear in 1 / n."""
_SMALLEST = 0.5  # of the clips
_SIZES = 8
_ORDERS = 8
_HALVES = 200  # at most

Measure = Callable[[Sequence[Embeddings]], float]


def score(background: Embeddings, clips: Sequence[Embeddings], resamples: int, name: str) -> Estimate:
    """FAD at infinity of clips (each its windows' embeddings [n, D]).

    It may lie below zero, by chance. The interval is that of half-samples (a delete-half jackknife, Shao & Wu,
    1989) about the value: resamples with repeated clips would be farther from anything.

    Raises:
        Absent: there are fewer than `LEAST` windows for each dimension.
    """
    windows, size = sum(len(clip) for clip in clips), background.shape[1]
    if windows < LEAST * size or len(clips) < 2 * _SIZES:
        raise Absent(
            f"FAD at infinity on an embedding of {size} dimensions needs at least {LEAST * size} windows of at "
            f"least {2 * _SIZES} clips, got {windows} of {len(clips)}: raise generate.clips or generate.seconds"
        )
    measure = fad.distance_to(background)
    draw = rng("fad_infinity", name)
    value = _extrapolate(measure, clips, draw, _ORDERS)
    halves = []
    for _ in range(min(resamples, _HALVES)):
        chosen = draw.permutation(len(clips))[: len(clips) // 2]
        halves.append(_extrapolate(measure, [clips[i] for i in chosen], draw, 1))
    low, middle, high = np.percentile(halves, [2.5, 50, 97.5])
    return Estimate(value, float(value + low - middle), float(value + high - middle), len(clips))


def _extrapolate(measure: Measure, clips: Sequence[Embeddings], draw: np.random.Generator, orders: int) -> float:
    """Where a line through FAD over 1 / windows meets zero; subsets are beginnings of `orders` shuffles."""
    sizes = np.unique(np.linspace(_SMALLEST * len(clips), len(clips), _SIZES).round().astype(int))
    inverse, found = [], []
    for _ in range(orders):
        order = draw.permutation(len(clips))
        for count in sizes:
            subset = [clips[i] for i in order[:count]]
            inverse.append(1 / sum(len(clip) for clip in subset))
            found.append(measure(subset))
    return float(np.polyfit(inverse, found, 1)[1])
