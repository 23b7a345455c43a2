"""What turns a clip into embeddings that FAD and MMD compare: one line of `EMBEDDERS` each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lowend.audio.io import Wave
from lowend.models import musicnn, tagger

Embeddings = NDArray[np.float64]  # [N, D], one row a window

_TAGS = {"hip_hop": "Hip-Hop", "electronic": "electronic"}


@dataclass(frozen=True, slots=True)
class Embedder:
    """An embedder of music, made ready once for a whole evaluation."""

    embed: Callable[[Wave, int], Embeddings]  # a clip [C, S] and its Hz -> [N, D]
    least_windows: int  # windows of a set that FAD needs
    tags: Callable[[Embeddings], Mapping[str, float]]  # of one clip's embeddings: metric -> probability


def _starter(kit: Path) -> Embedder:
    model = tagger.load(kit)
    return Embedder(lambda wav, rate: tagger.embeddings(model, wav, rate), 2 * tagger.EMBEDDING, lambda _: {})


def _musicnn(kit: Path) -> Embedder:
    """The Million Song Dataset's tagger; a resample holds 63 % of the clips, so 500 windows leave 316 for 200-d."""
    model = musicnn.load("MSD_musicnn")

    def tags(embedded: Embeddings) -> dict[str, float]:
        mean = musicnn.probabilities(model, embedded).mean(0)
        return {f"musicnn_{name}": float(mean[model.tags.index(tag)]) for name, tag in _TAGS.items()}

    return Embedder(lambda wav, rate: musicnn.embeddings(model, wav, rate), 500, tags)


EMBEDDERS: Mapping[str, Callable[[Path], Embedder]] = {"starter": _starter, "musicnn": _musicnn}
"""Each from the folder of the kit's tagger, which only the starter reads."""
