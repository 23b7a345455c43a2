"""What turns a clip into embeddings that FAD and MMD compare: one line of `EMBEDDERS` or `PUBLISHED` each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lowend.audio.io import Wave
from lowend.errors import UserError
from lowend.metrics import clap
from lowend.metrics.absent import Absent, attempt
from lowend.models import devices, latents, musicnn, pann, tagger, vggish
from lowend.models import weights as files

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

_PARAM, _OFF = "evaluate.weights", "evaluate.embedder: starter"


def _vggish(weights: str) -> Embedder:
    model = vggish.load(weights, _PARAM, _OFF).to(devices.best())
    return Embedder(lambda wav, rate: vggish.embeddings(model, wav, rate), 2 * vggish.EMBEDDING, lambda _: {})


def _pann(weights: str) -> Embedder:
    model = pann.load(weights, _PARAM, _OFF).to(devices.best())
    return Embedder(lambda wav, rate: pann.embeddings(model, wav, rate), 2 * pann.EMBEDDING, lambda _: {})


def _clap(weights: str) -> Embedder:
    model = clap.read(weights, _PARAM, _OFF)
    return Embedder(lambda wav, rate: clap.embeddings(model, wav, rate), 2 * model.width, lambda _: {})


def _encodec(weights: str) -> Embedder:
    model = latents.load(weights, _PARAM, _OFF)
    model.encoder.to(devices.best())
    return Embedder(lambda wav, rate: latents.embeddings(model, wav, rate), 2 * model.width, lambda _: {})


PUBLISHED: Mapping[str, Callable[[str], Embedder]] = {
    "vggish": _vggish,
    "pann": _pann,
    "clap": _clap,
    "encodec": _encodec,
}
"""Each from what `evaluate.weights` names: a file, a folder, or a repository of the model hub at a commit."""

_EXAMPLES = {
    "vggish": f"the file that {vggish.PUBLISHED.url} is",
    "pann": f"the file that {pann.PUBLISHED.url} is",
    "clap": "a folder in transformers' format, or laion/larger_clap_music@<commit>",
    "encodec": "models/codec, a folder in transformers' format, or facebook/encodec_24khz@<commit>",
}


DEAF = Embedder(lambda wav, rate: np.zeros((0, 0)), 0, lambda _: {})
"""Hears no window of anything: what is there of the embedder whose weights cannot be had."""


def published(name: str, weights: str) -> Embedder:
    """One of `PUBLISHED`.

    Raises:
        Absent: its weights cannot be had, or are another model's.
    """
    if not weights:
        raise Absent(f"evaluate.embedder: {name} needs `{_PARAM}` in params.yaml: {_EXAMPLES[name]}; or set `{_OFF}`")
    try:
        return PUBLISHED[name](weights)
    except UserError as reason:
        raise Absent(str(reason)) from reason


def chosen(name: str, weights: str, kit: Path) -> tuple[Embedder, str]:
    """The embedder of this name, and what tells it from all others; `DEAF` where its weights cannot be had.

    Raises:
        UserError: there is none of this name.
    """
    if name in EMBEDDERS:
        return EMBEDDERS[name](kit), name
    if name not in PUBLISHED:
        known = ", ".join((*EMBEDDERS, *PUBLISHED))
        raise UserError(f"params.yaml: `evaluate.embedder` must be one of {known}, got {name!r}")
    found = attempt("distance to real music", lambda: published(name, weights))
    return (found, f"{name}/{files.identity(weights)}") if found else (DEAF, "deaf")
