"""How probable the taggers find the genre that a prompt asked for."""

from __future__ import annotations

from collections.abc import Sequence

from lowend.audio.io import Wave
from lowend.metrics.bootstrap import mean
from lowend.metrics.embedders import Embedder, Embeddings
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


def tags(embedder: Embedder, embedded: Sequence[Embeddings], resamples: int, name: str) -> dict[str, float]:
    """Mean probability over clips of each tag that the embedder hears, with its interval; none of the starter's."""
    found = [embedder.tags(one) for one in embedded]
    metrics: dict[str, float] = {}
    for tag in found[0]:
        metrics |= mean([one[tag] for one in found], resamples, f"{name}/{tag}").as_metrics(tag)
    return metrics
