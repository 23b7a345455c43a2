"""One set of clips, heard once by everything that measures it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from lowend.metrics import adherence, clap, fad, fad_infinity, genre, kld, memorisation, mmd, parts, sound
from lowend.metrics.absent import attempt, mark
from lowend.metrics.adherence import Adherence
from lowend.metrics.arrangement import Stems
from lowend.metrics.embedders import Embeddings
from lowend.metrics.intake import Item
from lowend.metrics.kld import Tags
from lowend.metrics.memorisation import Codes, Nearest, Thresholds
from lowend.metrics.parts import Parts
from lowend.metrics.reference import Ears, Real, Trained
from lowend.metrics.sound import Sound
from lowend.models import codec as codecs
from lowend.models import tagger
from lowend.models.codec import CompressionModel
from lowend.models.wobbles import WobbleEar
from lowend.workers import parallel_map, thread_map


@dataclass(frozen=True, slots=True)
class Listener:
    """What hears the clips, made ready once, and the real music that they are held against."""

    ears: Ears
    real: Real
    background: Embeddings  # [N, D], all windows of real music
    kernels: mmd.Real | None  # None: there is no embedder
    trained: Trained
    limits: Thresholds | None  # None: too little real music to say how near is too near
    codec: CompressionModel
    clap: clap.Score | None
    parts: Parts


@dataclass(frozen=True, slots=True)
class Heard:
    """One set of clips, and what its embeddings give."""

    items: Sequence[Item]
    embedded: list[Embeddings]  # of each clip, [n, D]
    kernels: mmd.Kernels | None  # None: there is no embedder, and `embedded` are empty
    parts: dict[str, list[Embeddings]]  # of each part, of each clip


@dataclass(frozen=True, slots=True)
class Judged:
    """One clip by all that is measured of clips alone; None is what was not asked for or could not be had."""

    asked_bpm: float | None
    adherence: Adherence
    sound: Sound
    fad: float | None  # of this clip alone: the larger, the farther from real music
    kld: float | None
    clap: float | None
    nearest: Nearest
    is_copy: bool | None
    is_repeated: bool | None
    is_broken: bool

    def row(self) -> dict[str, object]:
        """The cells of the table of clips."""
        near = {
            "nearest_track": self.nearest.track_id,
            "train_overlap": self.nearest.overlap,
            "train_distance": self.nearest.distance,
        }
        own = {name: getattr(self, name) for name in ("fad", "kld", "clap", "is_copy", "is_repeated", "is_broken")}
        return {"asked_bpm": self.asked_bpm, **asdict(self.adherence), **asdict(self.sound), **near, **own}


def hear(listener: Listener, items: Sequence[Item]) -> Heard:
    """Embed a set of clips, each once.

    Raises:
        ValueError: there are too few windows for FAD or too few clips for MMD.
    """
    ear, held = listener.ears.embedder, listener.parts
    embedded = thread_map(lambda item: ear.embed(*item.levelled), items)
    if listener.kernels is None:
        return Heard(items, embedded, None, {})
    fad.check(listener.background, np.concatenate(embedded), ear.least_windows)
    kernels = mmd.kernels(listener.kernels, embedded)
    cut = parts.embed((item.levelled for item in items), held.background, ear.embed, held.separator)
    for part, windows in held.background.items():
        fad.check(windows, np.concatenate(cut[part]), ear.least_windows)
    return Heard(items, embedded, kernels, cut)


def judge(
    heard: Heard,
    listener: Listener,
    stems: Sequence[Stems | None],
    asked: Sequence[str],
    analysis: str,
    resamples: int,
    name: str,
) -> tuple[dict[str, float], list[Judged]]:
    """All metrics of one set of clips but its distances to another, and each clip's.

    `stems` are what each clip's tell, where its prompt asks for it; `asked` are the sub-genres that make the genre.
    """
    pairs = list(zip(heard.items, stems, strict=True))
    judged = list(parallel_map(partial(_judge, backend=analysis, ear=listener.ears.wobbles), pairs, "judging clips"))
    held, sounds = [one for one, _ in judged], [one for _, one in judged]
    metrics = {
        "clips": float(len(heard.items)),
        "broken_clips": float(sum(item.is_broken for item in heard.items)),
        **_distances(heard, listener, resamples, name),
        **genre.tags(listener.ears.embedder, heard.embedded, resamples, name),
        **adherence.summarise(held, resamples, name),
        **sound.summarise(sounds, resamples, name),
        **_genre(heard, listener, asked, resamples, name),
    }
    codes = [_codes(listener.codec, item) for item in heard.items]
    near = [_nearest(*one, listener) for one in zip(codes, heard.embedded, strict=True)]
    copies, again = _memory(codes, near, listener)
    if listener.limits:
        metrics |= memorisation.summarise(near, again, listener.limits, resamples, name)
    else:
        metrics |= mark("memorisation")
    tagger_of = listener.ears.tags
    tags = thread_map(lambda item: tagger_of(*item.levelled), heard.items) if tagger_of else []
    if tags:
        metrics |= kld.score(listener.real.tags, tags, resamples, name)
    scores = [_clap(listener.clap, item) for item in heard.items]
    metrics |= clap.summarise(scores, resamples, name)
    columns = zip(
        [item.clip.bpm for item in heard.items],
        held,
        sounds,
        fad.per_clip(listener.background, heard.embedded) if heard.kernels else [None] * len(held),
        _divergences(listener.real.tags, tags, len(held)),
        scores,
        near,
        copies,
        again if listener.limits else [None] * len(held),
        [item.is_broken for item in heard.items],
        strict=True,
    )
    return metrics, [Judged(*one) for one in columns]


def _judge(pair: tuple[Item, Stems | None], backend: str, ear: WobbleEar | None) -> tuple[Adherence, Sound]:
    item, stems = pair
    found = adherence.judge(item.clip, item.wav, item.rate, backend, stems, ear)
    return found, sound.measure(item.wav, item.rate)


def _distances(heard: Heard, listener: Listener, resamples: int, name: str) -> dict[str, float]:
    if heard.kernels is None:
        return {}
    background = listener.background
    metrics = {
        **fad.score(background, heard.embedded, resamples, name).as_metrics("fad"),
        **mmd.score(heard.kernels, resamples, name).as_metrics("mmd"),
        **parts.score(listener.parts.background, heard.parts, resamples, name),
    }
    far = attempt("fad_infinity", lambda: fad_infinity.score(background, heard.embedded, resamples, name))
    return metrics | (far.as_metrics("fad_infinity") if far else mark("fad_infinity"))


def _genre(heard: Heard, listener: Listener, asked: Sequence[str], resamples: int, name: str) -> dict[str, float]:
    if not asked:
        return {}
    found = [tagger.probabilities(listener.ears.starter, *item.levelled) for item in heard.items]
    wanted = [item.clip.sub_genre for item in heard.items]
    return {
        **genre.summarise(found, asked, resamples, name),
        **genre.accuracy(found, wanted, resamples, name),
    }


def _codes(codec: CompressionModel, item: Item) -> Codes | None:
    """The clip's first codebook, None where it is silent or not of the codec's kind."""
    if item.is_broken or sound.is_silent(item.wav):
        return None
    if item.rate != codec.sample_rate or len(item.wav) != codec.channels:
        logging.getLogger(__name__).warning(
            "%s is not compared with training tracks: it has %d channels of %d Hz, the codec %d of %d",
            item.clip.file, len(item.wav), item.rate, codec.channels, codec.sample_rate,
        )  # fmt: skip
        return None
    return codecs.encode(codec, item.wav)[0].astype(np.int64)


def _nearest(codes: Codes | None, embedded: Embeddings, listener: Listener) -> Nearest:
    return memorisation.nearest(codes, embedded, listener.trained.prints, listener.trained.embedded)


def _memory(
    codes: Sequence[Codes | None], near: Sequence[Nearest], listener: Listener
) -> tuple[list[bool | None], list[bool]]:
    """Which clips are copies of training tracks, and which repeat another clip; None where nobody can say."""
    limits = listener.limits
    if limits is None:
        return [None] * len(near), []
    return [memorisation.is_copy(one, limits) for one in near], memorisation.repeated(codes, limits)


def _clap(score: clap.Score | None, item: Item) -> float | None:
    return score(*item.levelled, item.clip.prompt) if score and not item.is_broken else None


def _divergences(real: Sequence[Tags], tags: Sequence[Tags], count: int) -> list[float | None]:
    if not tags:
        return [None] * count
    reference = np.mean(real, axis=0)
    return [kld.divergence(reference, one) for one in tags]
