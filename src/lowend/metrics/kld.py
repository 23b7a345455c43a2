"""Kullback-Leibler divergence of what a tagger hears: KL(real music || clip), in nats.

In this direction a clip that lacks what real music of the genre has costs most; the other way round
would punish what it has beside. The tags of music and of AudioSet do not exclude each other, so each is a
coin of its own, and the divergences of the coins add up. Real music is the mean over the held-out tracks:
prompts have no recording of their own that a clip could be held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lowend.audio.io import Wave
from lowend.errors import UserError
from lowend.metrics.absent import Absent
from lowend.metrics.bootstrap import mean
from lowend.models import audioset, musicnn

Tags = NDArray[np.float64]  # probability of each tag, [T]
Tagger = Callable[[Wave, int], Tags]

_LEAST = 1e-6  # probability: a tag that is never heard would cost without end


_OFF = "evaluate.kld: musicnn"


def _musicnn(weights: str) -> Tagger:
    model = musicnn.load("MSD_musicnn")
    return lambda wav, rate: musicnn.probabilities(model, musicnn.embeddings(model, wav, rate)).mean(0)


def _ast(weights: str) -> Tagger:
    if not weights:
        raise Absent(
            "evaluate.kld: ast needs `evaluate.kld_weights` in params.yaml: a folder in transformers' format, or "
            f"MIT/ast-finetuned-audioset-10-10-0.4593@<commit>; or set `{_OFF}`"
        )
    try:
        return audioset.ast(weights, "evaluate.kld_weights", _OFF)
    except UserError as reason:
        raise Absent(str(reason)) from reason


def _hear21passt(weights: str) -> Tagger:
    try:
        return audioset.passt(_OFF)
    except UserError as reason:
        raise Absent(f"evaluate.kld: hear21passt: {reason}") from reason


TAGGERS: Mapping[str, Callable[[str], Tagger]] = {"musicnn": _musicnn, "ast": _ast, "hear21passt": _hear21passt}
"""Each from what `evaluate.kld_weights` names, which only ast reads."""


def divergence(real: Tags, clip: Tags) -> float:
    """KL(real || clip) of independent tags [T]; 0 where they are equal."""
    p, q = (tags.clip(_LEAST, 1 - _LEAST) for tags in (real, clip))
    return float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum())


def score(real: Sequence[Tags], clips: Sequence[Tags], resamples: int, name: str) -> dict[str, float]:
    """`kld`: the mean over clips, with its interval, of the divergence from the mean of real tracks."""
    reference = np.mean(real, axis=0)
    return mean([divergence(reference, clip) for clip in clips], resamples, f"{name}/kld").as_metrics("kld")
