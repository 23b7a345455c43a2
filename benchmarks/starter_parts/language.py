"""The language models: the kit's base and, where it is named, what `starter-full` made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lowend import cache
from lowend import kit as kits
from starter_parts import generation, wobbles
from starter_parts.generation import GENRES
from starter_parts.table import Row, Setup, at_least, not_run

BASE_BARS = {"tempo": 0.5, "genre": 0.8}
TUNED_BARS = {"tempo": 0.8, "genre": 0.95}
WOBBLE_BAR = 0.6
NO_MODEL = "name the fine-tuned checkpoint folder with --tuned (recipes/starter-full.yaml makes it)"


def base(setup: Setup) -> Path:
    """The kit's language model as a checkpoint folder."""
    return kits.unpack(setup.kit / "musicgen") / "base"


def tuned(setup: Setup) -> dict[str, Path]:
    """By genre, the fine-tuned model; empty where none was named."""
    models = setup.tuned * 2 if len(setup.tuned) == 1 else setup.tuned
    return dict(zip(GENRES, models, strict=True)) if models else {}


def _shares(setup: Setup, models: Mapping[str, Path], bars: Mapping[str, float], label: str) -> list[Row]:
    """A genre that fails is not hidden by the other: the lower of both is held against the bar."""
    heard = {genre: generation.prompted(setup, model, genre) for genre, model in models.items()}
    found = {
        "tempo": {genre: generation.tempo_right(setup, items) for genre, items in heard.items()},
        "genre": {genre: generation.genre_right(setup.kit, items, genre) for genre, items in heard.items()},
    }
    hashes = {genre: cache.files(model)[:16] for genre, model in models.items()}
    what = {"clips": setup.clips, "models": hashes}
    return [
        at_least(f"{label}: {name} right", min(shares.values()), bars[name], {**shares, **what})
        for name, shares in found.items()
    ]


def rows(setup: Setup) -> list[Row]:
    """Tempo and genre of the base's clips."""
    return _shares(setup, dict.fromkeys(GENRES, base(setup)), BASE_BARS, "base LM")


def broken(setup: Setup) -> list[Row]:
    """With a text encoder that takes every token for another: the genre is lost.

    The tempo is only reported: most of the prompts ask for about 140 BPM, which a model that ignores
    them may well play.
    """
    damaged = dict.fromkeys(GENRES, generation.permute_tokens(base(setup)))
    tempo, genre = _shares(setup, damaged, BASE_BARS, "permuted tokens")
    return [genre, replace(tempo, bar=None, passed=None)]


def after(setup: Setup) -> list[Row]:
    """Tempo and genre of the fine-tuned model's clips."""
    if not setup.tuned:
        return [not_run(f"starter-full: {name} right", NO_MODEL) for name in TUNED_BARS]
    return _shares(setup, tuned(setup), TUNED_BARS, "starter-full")


def wobble(setup: Setup) -> list[Row]:
    """Wobble rates of the fine-tuned model's drops beside those that their prompts name."""
    name = "starter-full: wobble rate right"
    if not setup.tuned:
        return [not_run(name, NO_MODEL)]
    share, figures = wobbles.judge(setup, tuned(setup)["dubstep"])
    return [at_least(name, share, WOBBLE_BAR, figures)]
