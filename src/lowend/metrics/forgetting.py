"""What a model lost of what it was not trained on, beside the model that it is held against.

Two things are asked of both: clips of neutral prompts, which are of no genre that is trained, and the
likelihood of another genre's held-out tracks. All differences are paired, by prompt and seed or by track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lowend.audio.io import Wave
from lowend.errors import UserError
from lowend.metrics import adherence, cross_entropy, drift, embedders, held_out, intake
from lowend.metrics.absent import mark
from lowend.metrics.adherence import Adherence
from lowend.metrics.bootstrap import mean
from lowend.metrics.clap import Score
from lowend.metrics.embedders import Embedder, Embeddings
from lowend.metrics.evaluation import EvaluateConfig, optional
from lowend.metrics.intake import Item
from lowend.metrics.kld import Tagger, Tags
from lowend.models import tagger
from lowend.tracks import read_csv
from lowend.workers import parallel_map, thread_map

PAIRED = ("tempo_right", "key_right", "leak", "clap")
"""Figures of a single clip, of which both models' means and their paired difference are told."""


@dataclass(frozen=True, slots=True)
class ForgettingConfig:
    """An entry of section `forgetting` of params.yaml."""

    model: str
    against: str
    genre: str
    other: str

    def __post_init__(self) -> None:
        if self.other == self.genre:
            raise ValueError(f"forgetting: `other` must be a genre beside `genre`, got {self.genre!r} for both")


@dataclass(frozen=True, slots=True)
class Folders:
    """Both models, their clips of neutral prompts, and what they are asked about.

    `tokens` and `splits` are of the other genre, `prompts` is the file of prompts of the genre that was
    learned, and `kit` the folder of the kit's tagger.
    """

    model: Path
    against: Path
    samples: Path
    before: Path
    tokens: Path
    splits: Path
    prompts: Path
    kit: Path


@dataclass(frozen=True, slots=True)
class Ears:
    """What hears the clips; no `tags` and no `clap` where they are not asked for or cannot be had."""

    embedder: Embedder
    starter: tagger.Tagger
    learned: tuple[str, ...]  # the sub-genres of the genre that was learned, of those that the tagger knows
    tags: Tagger | None
    clap: Score | None


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip of a neutral prompt; None is what was not asked for or could not be had.

    `leak` is the probability that the kit's tagger gives to the genre that was learned; silence has none of it.
    """

    tempo_right: bool | None
    key_right: bool | None
    leak: float | None
    clap: float | None
    is_silent: bool
    is_broken: bool
    embedded: Embeddings  # [n, D]
    tags: Tags | None


def measure(key: str, folders: Folders, config: EvaluateConfig) -> tuple[dict[str, float], list[dict[str, object]]]:
    """All metrics, those of the model held against under `against_*`, and a row of figures for every prompt.

    Raises:
        UserError: the two sets of clips do not answer the same prompts, or a file is missing.
        ValueError: there are too few clips for MMD.
    """
    tags, score, marks = optional(config)
    starter = tagger.load(folders.kit)
    named = {row.get("sub_genre", "") for row in read_csv(folders.prompts)}
    learned = tuple(name for name in starter.classes if name in named)
    embedder, _ = embedders.chosen(config.embedder, config.weights, folders.kit)
    ears = Ears(embedder, starter, learned, tags, score)
    mine, theirs = pair(folders.samples, folders.before)
    heard = hear([*mine, *theirs], ears, config.analysis)
    after, before = heard[: len(mine)], heard[len(mine) :]
    metrics = {
        **compare(after, before, config.bootstrap, key),
        **other_genre(folders, config.bootstrap, key),
        **marks,
    }
    return metrics, rows(mine, after, before)


def pair(samples: Path, before: Path) -> tuple[list[Item], list[Item]]:
    """Both sets of clips, one of each for every prompt.

    Raises:
        UserError: they do not answer the same prompts with the same seeds.
    """
    mine, theirs = intake.read(samples), intake.read(before)
    asked = [[(item.clip.prompt, item.clip.seed) for item in items] for items in (mine, theirs)]
    if asked[0] != asked[1]:
        raise UserError(f"{samples} and {before} answer different prompts or seeds: run the generate stage again")
    return mine, theirs


def hear(items: Sequence[Item], ears: Ears, analysis: str) -> list[Heard]:
    """Everything that is measured of clips alone."""
    judged = parallel_map(partial(_judge, backend=analysis), items, "judging clips")
    return thread_map(lambda one: _heard(*one, ears), zip(items, judged, strict=True))


def _judge(item: Item, backend: str) -> Adherence:
    return adherence.judge(item.clip, item.wav, item.rate, backend)


def _heard(item: Item, found: Adherence, ears: Ears) -> Heard:
    sound = item.levelled
    return Heard(
        tempo_right=found.tempo_right,
        key_right=found.key_right,
        leak=_leak(sound, found.is_silent, ears),
        clap=ears.clap(*sound, item.clip.prompt) if ears.clap and not item.is_broken else None,
        is_silent=found.is_silent,
        is_broken=item.is_broken,
        embedded=ears.embedder.embed(*sound),
        tags=ears.tags(*sound) if ears.tags else None,
    )


def _leak(levelled: tuple[Wave, int], is_silent: bool, ears: Ears) -> float | None:
    if not ears.learned:
        return None
    if is_silent:
        return 0.0
    found = tagger.probabilities(ears.starter, *levelled)
    return sum(found[name] for name in ears.learned)


def compare(after: Sequence[Heard], before: Sequence[Heard], resamples: int, name: str) -> dict[str, float]:
    """Metrics of two models' clips of the same prompts.

    Raises:
        ValueError: there are too few clips for MMD.
    """
    metrics = {"clips": float(len(after))}
    for side, heard in (("", after), ("against_", before)):
        metrics[f"{side}silent_clips"] = float(sum(one.is_silent for one in heard))
        metrics[f"{side}broken_clips"] = float(sum(one.is_broken for one in heard))
    for figure in PAIRED:
        metrics |= paired(figure, after, before, resamples, name)
    made, had = ([one.embedded for one in heard] for heard in (after, before))
    metrics |= drift.mmd(made, had, resamples, name) if any(map(len, made)) else mark("drift_mmd")
    mine, theirs = ([one.tags for one in heard if one.tags is not None] for heard in (after, before))
    return metrics | (drift.kld(mine, theirs, resamples, name) if mine else {})


def paired(figure: str, after: Sequence[Heard], before: Sequence[Heard], resamples: int, name: str) -> dict[str, float]:
    """A figure's means with intervals: after, before under `against_`, and of the difference under `_change`.

    Over the prompts of which both clips have it; nothing where none has.
    """
    pairs = [(getattr(a, figure), getattr(b, figure)) for a, b in zip(after, before, strict=True)]
    both = [(float(a), float(b)) for a, b in pairs if a is not None and b is not None]
    if not both:
        return {}
    sides = {
        figure: [a for a, _ in both],
        f"against_{figure}": [b for _, b in both],
        f"{figure}_change": [a - b for a, b in both],
    }
    found: dict[str, float] = {}
    for key, values in sides.items():
        found |= mean(values, resamples, f"{name}/{key}").as_metrics(key)
    return found


def other_genre(folders: Folders, resamples: int, name: str) -> dict[str, float]:
    """`ce_other` in nats on the other genre's held-out mixes, that of the model held against, and the difference."""
    models = {"after": folders.model, "before": folders.against}
    found = held_out.by_model(models, folders.tokens, folders.splits)
    change = cross_entropy.difference(found["after"], found["before"], resamples, f"{name}/ce_other")
    return {
        "ce_other": round(cross_entropy.total(found["after"]), 4),
        "against_ce_other": round(cross_entropy.total(found["before"]), 4),
        "ce_other_tracks": float(change.n),
        **change.as_metrics("ce_other_change"),
    }


def rows(items: Sequence[Item], after: Sequence[Heard], before: Sequence[Heard]) -> list[dict[str, object]]:
    """The table of prompts: both models' figures of each."""
    return [
        {
            "prompt": item.clip.prompt,
            **{
                f"{side}{figure}": getattr(one, figure) for figure in PAIRED for side, one in (("", a), ("against_", b))
            },
        }
        for item, a, b in zip(items, after, before, strict=True)
    ]
