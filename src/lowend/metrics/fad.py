"""Frechet audio distance (Kilgour et al., 2019) with a local embedder and with errors that are errors.

`frechet-audio-distance` computes the distance; its own embedding loop is replaced, because it
swallows exceptions and truncates the set, and its score() answers -1 to anything unexpected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from frechet_audio_distance import FrechetAudioDistance
from numpy.typing import NDArray

from lowend.metrics.bootstrap import Estimate, interval

Embeddings = NDArray[np.float64]


class _Distance(FrechetAudioDistance):  # type: ignore[misc]
    """The published distance without its model loading."""

    def __init__(self) -> None:
        self.verbose = False


def distance(background: Embeddings, clips: Embeddings) -> float:
    """Frechet distance of two sets of embeddings [N, D].

    Raises:
        ValueError: a set holds fewer than twice as many embeddings as they have dimensions, where
            the covariance would be mostly noise.
    """
    for name, found in (("background", background), ("clips", clips)):
        if len(found) < 2 * found.shape[1]:
            raise ValueError(
                f"FAD needs at least {2 * found.shape[1]} {name} windows of {found.shape[1]} dimensions, "
                f"got {len(found)}: raise generate.clips or generate.seconds"
            )
    tool = _Distance()
    return float(
        tool.calculate_frechet_distance(
            *tool.calculate_embd_statistics(background), *tool.calculate_embd_statistics(clips)
        )
    )


def _distance_to(background: Embeddings) -> Callable[[Sequence[Embeddings]], float]:
    tool = _Distance()
    real = tool.calculate_embd_statistics(background)

    def measure(clips: Sequence[Embeddings]) -> float:
        made = tool.calculate_embd_statistics(np.concatenate(clips))
        return float(tool.calculate_frechet_distance(*real, *made))

    return measure


def score(background: Embeddings, clips: Sequence[Embeddings], resamples: int, name: str) -> Estimate:
    """FAD of clips (each its windows' embeddings [n, D]) with an interval over resampled clips."""
    distance(background, np.concatenate(clips))
    measure = _distance_to(background)
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
    measure = _distance_to(background)
    return interval(
        lambda chosen: measure([after[i] for i in chosen]) - measure([before[i] for i in chosen]),
        len(after),
        resamples,
        f"fad_change/{name}",
    )
