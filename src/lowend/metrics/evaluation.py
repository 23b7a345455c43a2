"""All metrics of one set of clips, beside the same of the clips it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend import captions
from lowend.audio.io import Wave
from lowend.metrics import (
    clap,
    cross_entropy,
    fad,
    genre,
    intake,
    listening,
    memorisation,
    mmd,
    parts,
    reference,
    sound,
)  # fmt: skip
from lowend.metrics.absent import attempt, mark
from lowend.metrics.bootstrap import mean
from lowend.metrics.embedders import EMBEDDERS
from lowend.metrics.intake import Item
from lowend.metrics.kld import TAGGERS
from lowend.metrics.listening import Judged, Listener
from lowend.metrics.parts import PARTS, Parts
from lowend.metrics.reference import Ears, Folders, Real
from lowend.models import codec as codecs
from lowend.models import musicgen, tagger
from lowend.training import data

WINDOW_S = 4.0
"""Seconds in a window of held-out cross-entropy: fixed, so that figures of all runs compare."""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Section `evaluate` of params.yaml."""

    bootstrap: int
    analysis: str
    embedder: str
    parts: tuple[str, ...]
    kld: str
    clap: str

    def __post_init__(self) -> None:
        if self.embedder not in EMBEDDERS:
            raise ValueError(f"evaluate.embedder must be one of {', '.join(EMBEDDERS)}, got {self.embedder!r}")
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
    frames = round(WINDOW_S * musicgen.FRAME_RATE)
    rows = data.load(folders.tokens, folders.splits / "test.csv", "mix", captions.load_template(), frames)
    windows = data.windows(rows, frames)
    found = {}
    for kind, folder in (("base", folders.base), ("model", folders.model)):
        found[kind] = cross_entropy.by_track(musicgen.load(folder, codecs.device()), windows, 8)
    change = cross_entropy.difference(found["model"], found["base"], config.bootstrap, name)
    nats = cross_entropy.estimates(found["model"], config.bootstrap, name)
    return {
        "ce_base": round(cross_entropy.total(found["base"]), 4),
        **nats,
        **change.as_metrics("ce_change"),
        **{k.replace("ce", "perplexity"): round(float(np.exp(v)), 2) for k, v in nats.items() if k != "ce_tracks"},
    }


def listener(
    folders: Folders, separator: Path, config: EvaluateConfig, clip_s: float
) -> tuple[Listener, dict[str, float]]:
    """What hears clips of `clip_s` seconds, and marks of what was asked for and cannot be had.

    Raises:
        ValueError: there are too few tracks for MMD.
    """
    tags = attempt("kld", TAGGERS[config.kld]) if config.kld else None
    score = attempt("clap", lambda: clap.load(config.clap)) if config.clap else None
    ears = Ears(EMBEDDERS[config.embedder](folders.kit), tagger.load(folders.kit), tags)
    name = f"{config.embedder}/{config.kld}"
    real = reference.real(folders, ears, name)
    trained = reference.trained(folders, ears, name, clip_s)
    limits = attempt("memorisation", lambda: memorisation.calibrate(trained.pieces))
    gaps = [
        name for name, wanted, had in (("kld", config.kld, tags), ("clap", config.clap, score)) if wanted and not had
    ]
    background = np.concatenate(real.tracks)
    codec = codecs.load(folders.codec, codecs.device())
    cut = reference.real_parts(folders, ears, name, config.parts, separator)
    held = Parts({part: np.concatenate(windows) for part, windows in cut.items()}, separator)
    made = Listener(ears, real, background, mmd.real(real.tracks), trained, limits, codec, score, held)
    return made, {key: value for gap in gaps for key, value in mark(gap).items()}


def compare(
    key: str, samples: Path, against: Path, folders: Folders, separator: Path, config: EvaluateConfig
) -> tuple[dict[str, float], dict[str, list[Judged]]]:
    """Metrics of `samples`, under `against_*` of the clips held against, under `real_*` of real music.

    `*_change` resample prompts, taking both sets' clips of a prompt together. Beside them what was found in
    every clip, of `samples` as `model` and of the clips held against as `against`. `separator` is the folder
    of the kit's.

    Raises:
        ValueError: there are too few windows for FAD, or too few clips or tracks for MMD.
    """
    sets = [intake.read(folder) for folder in (samples, against)]
    ready, marks = listener(folders, separator, config, max(item.wav.shape[1] / item.rate for item in sets[0]))
    mine, theirs = (listening.hear(ready, items) for items in sets)
    asked = sorted({item.clip.sub_genre for item in mine.items} & set(ready.ears.starter.classes))
    (metrics, judged), (other, beside) = (
        listening.judge(heard, ready, basses(heard.items, separator), asked, config.analysis, config.bootstrap, key)
        for heard in (mine, theirs)
    )
    background, resamples = ready.background, config.bootstrap
    return {
        **metrics,
        **{f"against_{name}": value for name, value in other.items()},
        **fad.change(background, mine.embedded, theirs.embedded, resamples, key).as_metrics("fad_change"),
        **parts.change(ready.parts.background, mine.parts, theirs.parts, resamples, key),
        **mmd.change(mine.kernels, theirs.kernels, resamples, key).as_metrics("mmd_change"),
        **changes(judged, beside, resamples, key),
        **of_real(ready, asked, resamples, f"{key}/real"),
        **marks,
    }, {"model": judged, "against": beside}


def changes(after: Sequence[Judged], before: Sequence[Judged], resamples: int, name: str) -> dict[str, float]:
    """Mean paired differences after - before of clips' own figures; below zero `kld` is better, and `clap` worse."""
    found: dict[str, float] = {}
    for figure in ("kld", "clap"):
        pairs = [(getattr(a, figure), getattr(b, figure)) for a, b in zip(after, before, strict=True)]
        apart = [a - b for a, b in pairs if a is not None and b is not None]
        if apart:
            found |= mean(apart, resamples, f"{figure}_change/{name}").as_metrics(f"{figure}_change")
    return found


def basses(items: Sequence[Item], separator: Path) -> Sequence[tuple[Wave, int] | None]:
    """The bass stem of every clip whose prompt asks for a wobble; Demucs is imported only for these."""
    if not any(item.wobble_hz for item in items):
        return [None] * len(items)
    from lowend.metrics import stems

    return stems.basses(items, separator)


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
