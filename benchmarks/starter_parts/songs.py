"""Songs that no model of the kit was trained on, and those that its codec was."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lowend import params
from lowend.audio.io import Wave
from lowend.synth import song as synth

SEED = 88_000
"""Held out: starter/build/params.yaml holds the seeds that were trained on, the pipeline's is 0."""

SECONDS = 16.0
STYLES = tuple(synth.STYLES)


def held_out(index: int) -> synth.Song:
    """Unseen song number `index`, styles in turn."""
    return synth.song(SEED, STYLES[index % len(STYLES)], index, SECONDS)


def mono(song: synth.Song) -> Wave:
    """The mix as the codec takes it: [1, S]."""
    return np.ascontiguousarray(song.mix.mean(0, keepdims=True), np.float32)


def trained_on(root: Path, index: int) -> Wave:
    """Song number `index` of those that the codec learned from, [1, S]."""
    seed = params.load("codec.seed", path=root / "starter/build/params.yaml")["codec.seed"]
    return mono(synth.song(int(seed), STYLES[index % len(STYLES)], index, SECONDS))


def genre_of(style: str) -> str:
    """The genre of a style; what the synthesiser does not know is none."""
    return synth.STYLES[style].genre if style in synth.STYLES else ""
