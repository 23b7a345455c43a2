"""How probable the tagger finds the sub-genre and the genre that a prompt asked for."""

from __future__ import annotations

from collections.abc import Sequence

from lowend.audio.io import Wave
from lowend.metrics.bootstrap import mean
from lowend.models import tagger


def summarise(
    model: tagger.Tagger,
    sounds: Sequence[tuple[Wave, int]],
    names: Sequence[str],
    resamples: int,
    name: str,
) -> dict[str, float]:
    """Mean probability of the genre (all of its sub-genres in `names`), with its interval."""
    found = []
    for wav, rate in sounds:
        p = tagger.probabilities(model, wav, rate)
        found.append(sum(p.get(n, 0.0) for n in names))
    return mean(found, resamples, f"{name}/genre").as_metrics("genre_probability")
