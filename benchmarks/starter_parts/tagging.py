"""The kit's tagger on unseen songs, by passages as long as the pipeline's clips."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from lowend.models import tagger
from lowend.workers import parallel_map
from starter_parts import songs
from starter_parts.table import Row, Setup, at_least

SONGS = 200
CLIP_S = 8.0
GENRE_BAR, SUB_GENRE_BAR = 0.99, 0.92

load = lru_cache(maxsize=1)(tagger.load)


def top(kit: Path, wav: songs.Wave, rate: int) -> str:
    """The most probable sub-genre of [C, S]."""
    found = tagger.probabilities(load(kit / "tagger"), wav, rate)
    return max(found, key=lambda name: found[name])


@torch.no_grad()
def _unseen(kit: Path, index: int) -> tuple[str, str, float]:
    """The true sub-genre, that of the passage, and the share of its two-second windows that are right."""
    song, rate = songs.held_out(index), songs.synth.SAMPLE_RATE
    mix = songs.mono(song)
    size = int(CLIP_S * rate)
    start = (mix.shape[1] - size) // 2
    passage = mix[:, start : start + size]
    true = str(song.info["sub_genre"])
    model = load(kit / "tagger")
    each = model(tagger.windows(passage, rate)).argmax(1).tolist()
    return true, top(kit, passage, rate), float(np.mean([model.classes[i] == true for i in each]))


def rows(setup: Setup) -> list[Row]:
    """Accuracy by genre and by sub-genre over the middle eight seconds of songs of all styles."""
    found = list(parallel_map(partial(_unseen, setup.kit), range(SONGS), "tagger"))
    genre = [songs.genre_of(true) == songs.genre_of(heard) for true, heard, _ in found]
    styles = {s: round(float(np.mean([h == t for t, h, _ in found if t == s])), 3) for s in songs.STYLES}
    figures = {"songs": SONGS, "by_style": styles, "windows_right": round(float(np.mean([w for *_, w in found])), 4)}
    right = float(np.mean([true == heard for true, heard, _ in found]))
    return [
        at_least("tagger: genre right", float(np.mean(genre)), GENRE_BAR, figures),
        at_least("tagger: sub-genre right", right, SUB_GENRE_BAR, figures),
    ]
