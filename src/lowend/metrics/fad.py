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

from lowend.metrics.bootstrap import Estimate, interval
from lowend.metrics.embedders import Embeddings


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


def _distance_to(background: Embeddings) -> Callable[[Sequence[Embeddings]], float]:
    """`distance` to one background: tr (S1 S2)^1/2 is the sum of the roots of S1^1/2 S2 S1^1/2's eigenvalues."""
    mean, covariance = background.mean(0), np.cov(background, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T

    def measure(clips: Sequence[Embeddings]) -> float:
        windows = np.concatenate(clips)
        centred = (windows - windows.mean(0)) / np.sqrt(len(windows) - 1)
        turned = centred @ root
        shared = np.sqrt(np.linalg.eigvalsh(turned.T @ turned).clip(0)).sum()
        shift = ((windows.mean(0) - mean) ** 2).sum()
        return float(shift + covariance.trace() + (centred**2).sum() - 2 * shared)

    return measure


def score(background: Embeddings, clips: Sequence[Embeddings], resamples: int, name: str) -> Estimate:
    """FAD of clips (each its windows' embeddings [n, D]) with an interval over resampled clips.

    A resample holds fewer distinct clips, and fewer windows are farther from anything: in 200 dimensions the
    interval may lie above the value. In `change` the two sets' shares of that cancel.
    """
    check(background, np.concatenate(clips), 2 * background.shape[1])
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
