"""Frechet audio distance (Kilgour et al., 2019) with a local embedder and with errors that are errors.

`distance` is `frechet-audio-distance`'s; its embedding loop is not used, because it swallows exceptions
and truncates the set, and its score() answers -1 to anything unexpected. Resamples take the same
distance from the eigenvalues of a symmetric matrix, which for 200 dimensions is ten times faster.

The covariances are the samples' own. Shrinking them (Ledoit & Wolf, 2004) would allow fewer windows, but
by an amount that depends on their number, so that figures of different `generate.clips` would not
compare: a set that is too small is refused instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from frechet_audio_distance import FrechetAudioDistance

from lowend.metrics import moments
from lowend.metrics.bootstrap import Estimate, interval
from lowend.metrics.embedders import Embeddings
from lowend.metrics.moments import Moments


class _Distance(FrechetAudioDistance):  # type: ignore[misc]
    """The published distance without its model loading."""

    def __init__(self) -> None:
        self.verbose = False


def check(background: Embeddings, clips: Embeddings, least: int) -> None:
    """Refuse sets of windows [N, D] whose covariance would be mostly noise.

    Raises:
        ValueError: a set holds fewer than `least` windows.
    """
    for name, found, remedy in (
        ("held-out tracks", background, "add tracks, or raise split.valid and split.test"),
        ("clips", clips, "raise generate.clips or generate.seconds"),
    ):
        if len(found) < least:
            raise ValueError(
                f"FAD on an embedding of {found.shape[1]} dimensions needs at least {least} windows of {name}, "
                f"got {len(found)}: {remedy}"
            )


def distance(background: Embeddings, clips: Embeddings) -> float:
    """Frechet distance of two sets of embeddings [N, D].

    Raises:
        ValueError: a set holds fewer than twice as many embeddings as they have dimensions.
    """
    check(background, clips, 2 * background.shape[1])
    tool = _Distance()
    return float(
        tool.calculate_frechet_distance(
            *tool.calculate_embd_statistics(background), *tool.calculate_embd_statistics(clips)
        )
    )


class Background:
    """One side of many distances: tr (S1 S2)^1/2 is the sum of the roots of S1^1/2 S2 S1^1/2's eigenvalues."""

    def __init__(self, moments: Moments) -> None:
        values, vectors = np.linalg.eigh(moments.covariance)
        self._mean, self._spread = moments.mean, moments.covariance.trace()
        self._root = (vectors * np.sqrt(values.clip(0))) @ vectors.T

    def distance(self, made: Moments) -> float:
        """The Frechet distance to other moments; those of a few windows are a Gaussian that is flat in places."""
        covariance = made.covariance
        shared = np.sqrt(np.linalg.eigvalsh(self._root @ covariance @ self._root).clip(0)).sum()
        return float(((made.mean - self._mean) ** 2).sum() + self._spread + covariance.trace() - 2 * shared)


def distance_to(background: Embeddings) -> Callable[[Sequence[Embeddings]], float]:
    """`distance` from the windows of any clips to one background, without a least number of them."""
    side = Background(moments.of(background))
    return lambda clips: side.distance(moments.of(np.concatenate(clips)))


def per_clip(background: Embeddings, clips: Sequence[Embeddings]) -> list[float]:
    """The distance of each clip alone, which ranks clips (Gui et al., 2024) and is no FAD of a set."""
    measure = distance_to(background)
    return [measure([clip]) for clip in clips]


def score(background: Embeddings, clips: Sequence[Embeddings], resamples: int, name: str) -> Estimate:
    """FAD of clips (each its windows' embeddings [n, D]) with an interval over resampled clips.

    A resample holds fewer distinct clips, and fewer windows are farther from anything: in 200 dimensions the
    interval may lie above the value. In `change` the two sets' shares of that cancel.
    """
    check(background, np.concatenate(clips), 2 * background.shape[1])
    measure = distance_to(background)
    return interval(lambda chosen: measure([clips[i] for i in chosen]), len(clips), resamples, f"fad/{name}")


def change(
    background: Embeddings,
    after: Sequence[Embeddings],
    before: Sequence[Embeddings],
    resamples: int,
    name: str,
) -> Estimate:
    """FAD of `after` minus FAD of `before`, clip i of both from the same prompt; below zero is better."""
    assert len(after) == len(before), "both sets must answer the same prompts"
    measure = distance_to(background)
    return interval(
        lambda chosen: measure([after[i] for i in chosen]) - measure([before[i] for i in chosen]),
        len(after),
        resamples,
        f"fad_change/{name}",
    )
