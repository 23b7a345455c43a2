"""How far one model's clips are from another's of the same prompts: what training moved that it was not asked to.

Two distances. `kld` is within pairs: the divergence of what a tagger hears in both clips of a prompt.
`mmd` is of the sets: the unbiased estimate for samples of one size (Gretton et al., 2012, eq. 3), in which
a prompt's own pairs are left out on all sides, so that the same clips twice are at 0 exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from lowend.metrics import kld as divergences
from lowend.metrics.bootstrap import interval, mean
from lowend.metrics.embedders import Embeddings
from lowend.metrics.kld import Tags
from lowend.metrics.mmd import LEAST_CLIPS, bandwidth, sums
from lowend.seeds import rng

_CHANCE = 95  # percent of random deals that lie below what is called chance


def kld(after: Sequence[Tags], before: Sequence[Tags], resamples: int, name: str) -> dict[str, float]:
    """`drift_kld`, the mean over prompts of KL(before || after) in nats; `drift_kld_others`, what strangers have.

    Strangers are the clips before of two different prompts: clips that have nothing in common are that far apart.
    """
    assert len(after) == len(before), "both sets must answer the same prompts"
    found = [divergences.divergence(b, a) for a, b in zip(after, before, strict=True)]
    others = [divergences.divergence(a, b) for a, b in permutations(before, 2)]
    return {
        **mean(found, resamples, f"{name}/drift_kld").as_metrics("drift_kld"),
        **({"drift_kld_others": round(float(np.mean(others)), 4)} if others else {}),
    }


def mmd(after: Sequence[Embeddings], before: Sequence[Embeddings], resamples: int, name: str) -> dict[str, float]:
    """`drift_mmd`, the squared MMD of two sets of clips, each its windows' embeddings [n, D], with its interval.

    `drift_mmd_chance` is what 95 % of the distances stay below if each prompt's two clips are dealt to the
    two sets at random: at or below it, the sets are not told apart.

    Raises:
        ValueError: there are fewer than `LEAST_CLIPS` clips, or all those before sound alike.
    """
    assert len(after) == len(before), "both sets must answer the same prompts"
    count = len(after)
    if count < LEAST_CLIPS:
        raise ValueError(f"MMD needs at least {LEAST_CLIPS} clips, got {count}: raise generate.clips")
    pairs = _pairs(after, before)

    def squared(chosen: NDArray[np.intp]) -> float:
        weight = np.bincount(chosen, minlength=count).astype(np.float64)
        return float(weight @ pairs @ weight / (weight.sum() ** 2 - (weight**2).sum()))

    deals = rng("drift", name).choice((-1.0, 1.0), (resamples, count))
    dealt = ((deals @ pairs) * deals).sum(1) / (count * (count - 1))
    return {
        **interval(squared, count, resamples, f"drift_mmd/{name}").as_metrics("drift_mmd"),
        "drift_mmd_chance": round(float(np.percentile(dealt, _CHANCE)), 4),
    }


def _pairs(after: Sequence[Embeddings], before: Sequence[Embeddings]) -> NDArray[np.float64]:
    """What prompts i and j add to the squared MMD, [n, n]; 0 on the diagonal.

    To deal the clips of i the other way round changes the sign of its row and column.
    """
    width = bandwidth(np.concatenate(before))
    if width == 0:
        raise ValueError("MMD has no bandwidth, because the clips before all sound alike: are they silent?")

    def kernel(a: Sequence[Embeddings], b: Sequence[Embeddings]) -> NDArray[np.float64]:
        sizes = np.outer([len(one) for one in a], [len(one) for one in b])
        return sums(a, b, width) / sizes

    between = kernel(after, before)
    found = kernel(after, after) + kernel(before, before) - between - between.T
    np.fill_diagonal(found, 0.0)
    return found
