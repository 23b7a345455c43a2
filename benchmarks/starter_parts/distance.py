"""FAD and MMD of the base's and the fine-tuned model's clips on musicnn's embedding.

Both are held against songs that no stage has seen but that are of the kind the model was tuned on:
those that the sources of `recipes/starter-full` would render next, through the codec. Prompts are the captions of
such songs, as many as narrow the interval: what differs most is prompts. The starter's base was
trained on other palettes, so a fine-tuned model has something to gain. All of it is brought to one
loudness first: musicnn hears levels, songs are mixed hotter than the pipeline's tracks, and clips are
scaled to what a file can hold, which would be most of the distance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

import recipe
from lowend import captions, params
from lowend import kit as kits
from lowend.audio.io import Wave
from lowend.captions import Template
from lowend.clips import Prompt
from lowend.errors import UserError
from lowend.metrics import fad, mmd
from lowend.metrics.bootstrap import Estimate
from lowend.metrics.embedders import Embeddings
from lowend.metrics.level import levelled
from lowend.models import musicnn
from lowend.tracks import Track
from lowend.workers import parallel_map
from starter_parts import codec, generation, language, songs
from starter_parts.table import Row, Setup, at_most, not_run

REAL_SONGS = 32
PROMPTS = 3  # for each that other rows have
RECIPE = Path("recipes/starter-full.yaml")
UNHEARD = 10_000  # index of the first song that no source renders
WINDOWS = 500
RESAMPLES = 200
NAMES = {
    "fad": "starter-full: FAD on musicnn, end of its interval less start of base's",
    "mmd": "starter-full: MMD on musicnn, end of its interval less start of base's",
}

Song = tuple[int, str, int, float, int]  # arguments of synth.song
Score = Callable[[Sequence[Embeddings]], Estimate]

_embedder = lru_cache(maxsize=1)(musicnn.load)


def _embed(sound: tuple[Wave, int]) -> Embeddings:
    """musicnn's penultimate layer of a clip [C, S] at the loudness that evaluations hear at, [windows, 200]."""
    return musicnn.embeddings(_embedder(), *levelled(*sound))


def _unheard(folder: Path, song: Song) -> tuple[Wave, int]:
    made = songs.synth.song(*song)
    return codec.round_trip(folder, songs.mono(made))[0], songs.synth.SAMPLE_RATE


def unheard(root: Path, genre: str, count: int) -> list[Song]:
    """`count` songs that the genre's first synthesised source of `recipes/starter-full` would render next.

    Raises:
        UserError: the genre has no such source.
    """
    content = params.load("seed", "sources", path=root / "params.yaml")
    changes = YAML(typ="safe").load(root / RECIPE)
    recipe.overlay(content, {key: value for key, value in changes.items() if key in content})
    sources = [s for s in content["sources"].values() if s["kind"] == "synth" and s["genre"] == genre]
    if not sources:
        raise UserError(f"params.yaml: `sources` holds no synth source of {genre}, whose songs clips are held against")
    names = songs.synth.sub_genres(genre)
    palette, seconds = int(sources[0]["palette"]), float(sources[0]["seconds"])
    each = ((names[i % len(names)], UNHEARD + i // len(names)) for i in range(count))
    return [(content["seed"], name, index, seconds, palette) for name, index in each]


def rows(setup: Setup) -> list[Row]:
    """One row a metric, the worse genre's: below zero the intervals of tuned and base lie apart."""
    if not setup.tuned:
        return [not_run(name, language.NO_MODEL) for name in NAMES.values()]
    folder = kits.unpack(setup.kit / "musicgen") / "codec"
    gaps: dict[str, list[float]] = {name: [] for name in NAMES}
    figures: dict[str, dict[str, object]] = {name: {} for name in NAMES}
    for genre, tuned in language.tuned(setup).items():
        held = unheard(setup.root, genre, REAL_SONGS)
        heard = list(parallel_map(partial(_unheard, folder), held, f"unheard {genre}"))
        real = list(parallel_map(_embed, heard, f"musicnn, unheard {genre}"))
        models = {"tuned": tuned, "base": language.base(setup)}
        asked = prompts(setup.root, genre, PROMPTS * setup.clips)
        clips = {side: _clips(setup, model, asked, genre) for side, model in models.items()}
        counts = {side: sum(map(len, found)) for side, found in (("real", real), *clips.items())}
        if min(counts.values()) < WINDOWS:
            return [not_run(name, f"{counts} windows, {WINDOWS} are needed: raise --clips") for name in NAMES.values()]
        for metric, score in _scores(real, genre).items():
            found = {side: score(embedded) for side, embedded in clips.items()}
            gaps[metric].append(found["tuned"].high - found["base"].low)
            values = {side: [round(v, 3) for v in (e.value, e.low, e.high)] for side, e in found.items()}
            figures[metric][genre] = {**values, "windows": counts}
    return [at_most(NAMES[metric], max(gaps[metric]), 0.0, figures[metric]) for metric in NAMES]


def prompts(root: Path, genre: str, count: int) -> list[Prompt]:
    """Captions of `count` unheard songs, as the pipeline words them."""
    template = captions.load_template(root / captions.TEMPLATE)
    return list(parallel_map(partial(_caption, template), unheard(root, genre, count), "captions"))


def _caption(template: Template, song: Song) -> Prompt:
    track = Track(id="", file_path="", **songs.synth.song(*song).info)
    text = captions.caption(track, template)
    return Prompt(text, track.sub_genre, track.bpm, track.key, wobble_hz=track.wobble_hz)


def _clips(setup: Setup, model: Path, asked: Sequence[Prompt], genre: str) -> list[Embeddings]:
    """The windows of each prompt's clip."""
    items = generation.of_model(setup, model, asked, f"{genre} unheard")
    return list(parallel_map(_embed, [(wav, rate) for _, wav, rate in items], f"musicnn, {genre}"))


def _scores(real: Sequence[Embeddings], genre: str) -> dict[str, Score]:
    background, held = np.concatenate(real), mmd.real(real)
    return {
        "fad": lambda clips: fad.score(background, clips, RESAMPLES, genre),
        "mmd": lambda clips: mmd.score(mmd.kernels(held, clips), RESAMPLES, genre),
    }
