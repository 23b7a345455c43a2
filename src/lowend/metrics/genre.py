"""How probable the taggers find the genre that a prompt asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lowend.metrics.bootstrap import mean
from lowend.metrics.embedders import Embedder, Embeddings


def summarise(
    found: Sequence[Mapping[str, float]], names: Sequence[str], resamples: int, name: str
) -> dict[str, float]:
    """Mean probability of the genre (all of its sub-genres in `names`), with its interval.

    `found` holds the probability of each sub-genre that the starter's tagger knows, of each clip.
    """
    together = [sum(p.get(n, 0.0) for n in names) for p in found]
    return mean(together, resamples, f"{name}/genre").as_metrics("genre_probability")


def accuracy(found: Sequence[Mapping[str, float]], asked: Sequence[str], resamples: int, name: str) -> dict[str, float]:
    """Share of clips whose most probable sub-genre is the one asked for, of those that the tagger knows."""
    pairs = [(p, sub_genre) for p, sub_genre in zip(found, asked, strict=True) if sub_genre in p]
    if not pairs:
        return {}
    right = [float(max(p, key=lambda n: p[n]) == sub_genre) for p, sub_genre in pairs]
    return mean(right, resamples, f"{name}/sub_genre").as_metrics("sub_genre_right")


def tags(embedder: Embedder, embedded: Sequence[Embeddings], resamples: int, name: str) -> dict[str, float]:
    """Mean probability over clips of each tag that the embedder hears, with its interval; none of the starter's."""
    found = [embedder.tags(one) for one in embedded]
    metrics: dict[str, float] = {}
    for tag in found[0]:
        metrics |= mean([one[tag] for one in found], resamples, f"{name}/{tag}").as_metrics(tag)
    return metrics
