"""All metrics of one set of clips, beside the same of the clips it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend.metrics import (
    arrangement,
    clap,
    classified,
    cross_entropy,
    embedders,
    fad,
    genre,
    held_out,
    intake,
    listening,
    memorisation,
    mmd,
    parts,
    reference,
    sound,
)  # fmt: skip
from lowend.metrics.absent import attempt, mark
from lowend.metrics.arrangement import Stems
from lowend.metrics.bootstrap import mean
from lowend.metrics.classifier import Classifier
from lowend.metrics.embedders import DEAF
from lowend.metrics.intake import Item
from lowend.metrics.kld import TAGGERS, Tagger
from lowend.metrics.listening import Heard, Judged, Listener
from lowend.metrics.parts import PARTS, Parts
from lowend.metrics.reference import Ears, Folders, Real
from lowend.models import audioset, devices, tagger, weights, wobbles
from lowend.models import codec as codecs


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Section `evaluate` of params.yaml."""

    bootstrap: int
    analysis: str
    embedder: str
    parts: tuple[str, ...]
    kld: str
    clap: str
    weights: str
    kld_weights: str

    def __post_init__(self) -> None:
        if self.embedder not in (known := (*embedders.EMBEDDERS, *embedders.PUBLISHED)):
            raise ValueError(f"evaluate.embedder must be one of {', '.join(known)}, got {self.embedder!r}")
        if unknown := [part for part in self.parts if part not in PARTS]:
            raise ValueError(f"evaluate.parts holds {unknown[0]!r}; it may hold {', '.join(PARTS)}")
        if self.kld and self.kld not in TAGGERS:
            raise ValueError(f'evaluate.kld must be "" or one of {", ".join(TAGGERS)}, got {self.kld!r}')
        if self.bootstrap < 100:
            raise ValueError(f"evaluate.bootstrap must be 100 or more, got {self.bootstrap}")


def likelihood(folders: Folders, config: EvaluateConfig, name: str) -> dict[str, float]:
    """Cross-entropy of model and base on the test split's mixes, and their paired difference; the model's perplexity.

    Cross-entropies are in nats, and a perplexity is e to the power of one.
    """
    found = held_out.by_model({"base": folders.base, "model": folders.model}, folders.tokens, folders.splits)
    change = cross_entropy.difference(found["model"], found["base"], config.bootstrap, name)
    of_base, nats = (cross_entropy.estimates(found[kind], config.bootstrap, name) for kind in ("base", "model"))
    return {
        **{key.replace("ce", "ce_base"): of_base[key] for key in ("ce", "ce_low", "ce_high")},
        **nats,
        **change.as_metrics("ce_change"),
        **{k.replace("ce", "perplexity"): round(float(np.exp(v)), 2) for k, v in nats.items() if k != "ce_tracks"},
    }


def optional(config: EvaluateConfig) -> tuple[Tagger | None, clap.Score | None, dict[str, float]]:
    """What hears tags and what scores clips against prompts, where asked for, and marks of what cannot be had."""
    tags = attempt("kld", lambda: TAGGERS[config.kld](config.kld_weights)) if config.kld else None
    score = attempt("clap", lambda: clap.load(config.clap)) if config.clap else None
    marks: dict[str, float] = {}
    for name, wanted, had in (("kld", config.kld, tags), ("clap", config.clap, score)):
        if wanted and not had:
            marks |= mark(name)
    return tags, score, marks


def listener(
    folders: Folders, separator: Path, config: EvaluateConfig, clip_s: float
) -> tuple[Listener, dict[str, float]]:
    """What hears clips of `clip_s` seconds, and marks of what was asked for and cannot be had.

    Raises:
        ValueError: there are too few tracks for MMD.
    """
    ear, name = embedders.chosen(config.embedder, config.weights, folders.kit)
    tags, score, marks = optional(config)
    ears = Ears(ear, tagger.load(folders.kit), tags, wobbles.load(folders.kit))
    name = f"{name}/{config.kld if tags else ''}/{weights.identity(config.kld_weights)}/{audioset.passt_version()}"
    real = reference.real(folders, ears, name)
    trained = reference.trained(folders, ears, name, clip_s)
    limits = attempt("memorisation", lambda: memorisation.calibrate(trained.pieces))
    if ear is DEAF:
        for distance in ("fad", "fad_infinity", "mmd", *(f"{part}_fad" for part in config.parts)):
            marks |= mark(distance)
    background = np.concatenate(real.tracks)
    codec = codecs.load(folders.codec, devices.best())
    cut = reference.real_parts(folders, ears, name, () if ear is DEAF else config.parts, separator)
    held = Parts({part: np.concatenate(windows) for part, windows in cut.items()}, separator)
    kernels = None if ear is DEAF else mmd.real(real.tracks)
    return Listener(ears, real, background, kernels, trained, limits, codec, score, held), marks


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated: a key of `evaluations`, its genre, and what learned that genre's sound from train tracks."""

    key: str
    genre: str
    learned: Classifier


def compare(
    subject: Subject, samples: Path, against: Path, folders: Folders, separator: Path, config: EvaluateConfig
) -> tuple[dict[str, float], dict[str, list[Judged]]]:
    """Metrics of `samples`, under `against_*` of the clips held against, under `real_*` of real music.

    `*_change` resample prompts, taking both sets' clips of a prompt together. Beside them what was found in
    every clip, of `samples` as `model` and of the clips held against as `against`. `separator` is the folder
    of the kit's.

    Raises:
        ValueError: there are too few windows for FAD, or too few clips or tracks for MMD.
    """
    key = subject.key
    sets = [intake.read(folder) for folder in (samples, against)]
    ready, marks = listener(folders, separator, config, max(item.wav.shape[1] / item.rate for item in sets[0]))
    mine, theirs = (listening.hear(ready, items) for items in sets)
    asked = sorted({item.clip.sub_genre for item in mine.items} & set(ready.ears.starter.classes))
    (metrics, judged), (other, beside) = (
        listening.judge(heard, ready, separated(heard.items, separator), asked, config.analysis, config.bootstrap, key)
        for heard in (mine, theirs)
    )
    resamples = config.bootstrap
    return {
        **metrics,
        **{f"against_{name}": value for name, value in other.items()},
        **apart(mine, theirs, ready, resamples, key),
        **changes(judged, beside, resamples, key),
        **classified.compare(subject.learned, subject.genre, mine, theirs, resamples, key),
        **of_real(ready, asked, resamples, f"{key}/real"),
        **marks,
    }, {"model": judged, "against": beside}


def apart(mine: Heard, theirs: Heard, ready: Listener, resamples: int, key: str) -> dict[str, float]:
    """Paired differences of the distances to real music; none where there is no embedder."""
    if mine.kernels is None or theirs.kernels is None:
        return {}
    return {
        **fad.change(ready.background, mine.embedded, theirs.embedded, resamples, key).as_metrics("fad_change"),
        **parts.change(ready.parts.background, mine.parts, theirs.parts, resamples, key),
        **mmd.change(mine.kernels, theirs.kernels, resamples, key).as_metrics("mmd_change"),
    }


def changes(after: Sequence[Judged], before: Sequence[Judged], resamples: int, name: str) -> dict[str, float]:
    """Mean paired differences after - before of clips' own figures; below zero `kld` is better, and `clap` worse."""
    found: dict[str, float] = {}
    for figure in ("kld", "clap"):
        pairs = [(getattr(a, figure), getattr(b, figure)) for a, b in zip(after, before, strict=True)]
        apart = [a - b for a, b in pairs if a is not None and b is not None]
        if apart:
            found |= mean(apart, resamples, f"{figure}_change/{name}").as_metrics(f"{figure}_change")
    return found


def separated(items: Sequence[Item], separator: Path) -> Sequence[Stems | None]:
    """What the stems of clips tell, where their prompts ask for it; Demucs is imported only for these."""
    if not any(arrangement.asks(item.clip) for item in items):
        return [None] * len(items)
    from lowend.metrics import stems

    return stems.listen(items, separator)


def of_real(ready: Listener, asked: Sequence[str], resamples: int, name: str) -> dict[str, float]:
    """What the held-out tracks themselves give, under `real_*`, and how much there is of them."""
    real: Real = ready.real
    found = {
        **genre.tags(ready.ears.embedder, real.tracks, resamples, name),
        **sound.summarise(real.sounds, resamples, name),
    }
    if asked:
        found |= genre.summarise(real.probabilities, asked, resamples, name)
        found |= genre.accuracy(real.probabilities, real.sub_genres, resamples, name)
    return {
        "real_windows": float(len(ready.background)),
        "real_tracks": float(len(real.tracks)),
        "real_low_share": round(float(np.mean(real.low_shares)), 4),
        "embedding_width": float(ready.background.shape[1]),
        **{f"real_{key}": value for key, value in found.items() if not key.endswith(("_low", "_high"))},
    }
