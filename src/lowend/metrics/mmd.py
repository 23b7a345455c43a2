"""Squared maximum mean discrepancy of embeddings: a distance of two sets that assumes no Gaussian.

The unbiased estimate (Gretton et al., 2012, eq. 3) with a Gaussian kernel, as CMMD (Jayasumana et al.,
2024) has it for pictures and KAD (Chung et al., 2025) for audio; the bandwidth is the median distance
within the real set, as in KAD. Two windows of one clip are much alike, so pairs within a clip (or a
real track) are left out, as the estimate leaves out a point's pair with itself: what is independent
here is the clip. It lies below 2, and about 0 (on either side) for two sets of the same music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist

from lowend.metrics.bootstrap import Estimate, interval
from lowend.metrics.embedders import Embeddings

LEAST_CLIPS = 8
"""A resample that holds one clip alone has no pairs; of eight clips that is one in two million."""
_MEDIAN_OF = 2000


@dataclass(frozen=True, slots=True)
class Real:
    """Real music, and what of the estimate depends on it alone."""

    windows: Embeddings  # [N, D]
    bandwidth: float
    within: float  # mean kernel between windows of different tracks


@dataclass(frozen=True, slots=True)
class Kernels:
    """Sums of the kernel over the windows of n clips: every resample is a weighting of these."""

    between: NDArray[np.float64]  # [n, n], of clip i and clip j; 0 on the diagonal
    to_real: NDArray[np.float64]  # [n], of clip i and all real windows, over their number
    windows: NDArray[np.float64]  # [n], of each clip
    real_within: float

    def squared(self, chosen: NDArray[np.intp]) -> float:
        """Squared MMD of the chosen clips (which may repeat) to the real ones."""
        weight = np.bincount(chosen, minlength=len(self.windows)).astype(np.float64)
        counts = weight * self.windows
        pairs = counts.sum() ** 2 - (counts**2).sum()
        between = weight @ self.between @ weight / pairs
        cross = weight @ self.to_real / counts.sum()
        return float(self.real_within + between - 2 * cross)


def sums(a: Sequence[Embeddings], b: Sequence[Embeddings], bandwidth: float) -> NDArray[np.float64]:
    """Sum of the kernel over all pairs of windows of clip i of `a` and clip j of `b`: [len(a), len(b)]."""
    windows = np.concatenate(b)
    starts = np.cumsum([0, *(len(one) for one in b[:-1])])
    rows = []
    for one in a:
        kernel = np.exp(cdist(one, windows, "sqeuclidean") / (-2 * bandwidth**2))
        rows.append(np.add.reduceat(kernel.sum(0), starts))
    return np.stack(rows)


def bandwidth(windows: Embeddings) -> float:
    """The median distance between windows [N, D], of a part of them where they are many; 0 where they are all alike."""
    few = windows[np.linspace(0, len(windows) - 1, min(len(windows), _MEDIAN_OF)).astype(int)]
    return float(np.median(pdist(few)))


def real(tracks: Sequence[Embeddings]) -> Real:
    """The set that clips are held against, a track's windows [n, D] each.

    Raises:
        ValueError: there are fewer than two tracks, or all their windows are alike.
    """
    if len(tracks) < 2:
        raise ValueError(
            f"MMD needs at least 2 held-out tracks, got {len(tracks)}: add tracks, or raise split.valid and split.test"
        )
    windows = np.concatenate(tracks)
    width = bandwidth(windows)
    if width == 0:
        raise ValueError("MMD has no bandwidth, because the held-out tracks all sound alike: are they silent?")
    found = sums(tracks, tracks, width)
    counts = np.array([len(one) for one in tracks], np.float64)
    within = (found.sum() - found.trace()) / (counts.sum() ** 2 - (counts**2).sum())
    return Real(windows, width, float(within))


def kernels(held: Real, clips: Sequence[Embeddings]) -> Kernels:
    """What `score` and `change` need of clips, each its windows' embeddings [n, D].

    Raises:
        ValueError: there are fewer than `LEAST_CLIPS` clips.
    """
    if len(clips) < LEAST_CLIPS:
        raise ValueError(f"MMD needs at least {LEAST_CLIPS} clips, got {len(clips)}: raise generate.clips")
    between = sums(clips, clips, held.bandwidth)
    np.fill_diagonal(between, 0.0)
    to_real = sums(clips, [held.windows], held.bandwidth)[:, 0] / len(held.windows)
    return Kernels(between, to_real, np.array([len(one) for one in clips], np.float64), held.within)


def score(clips: Kernels, resamples: int, name: str) -> Estimate:
    """Squared MMD to the real set with an interval over resampled clips; the real set is not resampled, as for FAD."""
    return interval(clips.squared, len(clips.windows), resamples, f"mmd/{name}")


def change(after: Kernels, before: Kernels, resamples: int, name: str) -> Estimate:
    """Squared MMD of `after` minus that of `before`, clip i of both from the same prompt; below zero is better."""
    assert len(after.windows) == len(before.windows), "both sets must answer the same prompts"
    return interval(
        lambda chosen: after.squared(chosen) - before.squared(chosen),
        len(after.windows),
        resamples,
        f"mmd_change/{name}",
    )
