"""Key and chords from chroma and the bass.

A scale alone cannot tell a minor key from its relative major, and Western pop theory would mostly name
the wrong one: hip-hop and dubstep are mostly minor. So the tonic is asked of the bass and of the
chord that phrases of four bars begin with, and minor is a little likelier than major.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lowend.audio.analysis import NOTES
from lowend.audio.bands import CHROMA_RATE, Tones
from lowend.audio.beats import Grid

Array = NDArray[np.float64]

_MODES = {"major": (0, 4, 7), "minor": (0, 3, 7)}
# Fit of each degree: the scale's notes count, its tonic triad a little more, none rules a key out.
_FIT = {
    "major": (5, 2, 3.5, 2, 4.5, 4, 2, 4.5, 2, 3.5, 1.5, 4),
    "minor": (5, 2, 3.5, 4.5, 2, 4, 2, 4.5, 3.5, 2, 3.5, 1.5),
}
_TRIAD = (1.0, 0.7, 0.7)  # root, third, fifth
_BASS, _START, _START_BASS, _MINOR, _VOTE = 0.3, 0.6, 0.3, 0.08, 0.05
_SURE = 0.2  # a lead over the second key from which on a key is certain
_FLAT = 0.1  # relative deviation of the chroma of white noise; music has twice that at least
_PHRASE = 4  # bars
_LONGEST = 8  # chords that are listed


def key(tones: Tones, grid: Grid, heard: str) -> tuple[str, float]:
    """`F# minor` and its confidence 0..1; empty and 0 where there is no pitch. `heard` is the backend's key."""
    notes, bass = _frames(tones.chroma), _frames(tones.bass)
    if not notes.any():
        return "", 0.0
    starts = _bar_of_frame(grid, notes.shape[1]) % _PHRASE == 0
    chroma, low = _share(notes), _share(bass)
    first, first_low = _share(notes[:, starts]), _share(bass[:, starts])
    scores = {}
    for mode, degrees in _MODES.items():
        for tonic, note in enumerate(NOTES):
            triad = sum(w * first[(tonic + d) % 12] for w, d in zip(_TRIAD, degrees, strict=True))
            name = f"{note} {mode}"
            fit = float(np.corrcoef(np.roll(_FIT[mode], tonic), chroma + _BASS * low)[0, 1])
            hints = _BASS * low[tonic] + _START * triad + _START_BASS * first_low[tonic]
            scores[name] = fit + hints + _MINOR * (mode == "minor") + _VOTE * (name == heard)
    best, second = sorted(scores, key=lambda name: -scores[name])[:2]
    lead, tonal = (scores[best] - scores[second]) / _SURE, (12 * chroma.std() - _FLAT) / _FLAT
    return best, round(float(np.clip(lead, 0, 1) * np.clip(tonal, 0, 1)), 3)


def chords(tones: Tones, grid: Grid) -> list[str]:
    """Changes of chord (`Am`, `F`), one chord a bar, at most eight; a loop of two, four or eight bars once."""
    notes, bass = _frames(tones.chroma), _frames(tones.bass)
    bar = _bar_of_frame(grid, notes.shape[1])
    if not notes.any() or bar.max(initial=-1) < 1:
        return []
    bars = bar.max() + 1
    by_bar = np.stack([_share(notes[:, bar == i]) + 0.5 * _share(bass[:, bar == i]) for i in range(bars)], 1)
    length = _loop(by_bar)
    names = [_chord(by_bar[:, i::length].mean(1)) for i in range(length)]
    changes = [name for i, name in enumerate(names) if name and (i == 0 or name != names[i - 1])]
    return changes[:_LONGEST]


def _frames(chroma: NDArray[np.float32]) -> Array:
    """Chroma [12, G] with every frame of the same weight, near-silent ones of less."""
    level = np.sqrt(chroma, dtype=np.float64)
    total = level.sum(0)
    return np.asarray(level / (total + 0.02 * total.max(initial=0) + 1e-9))


def _share(chroma: Array) -> Array:
    """Mean chroma [12] that sums to one, or zeros for none."""
    mean = chroma.mean(1) if chroma.shape[1] else np.zeros(12)
    return np.asarray(mean / max(mean.sum(), 1e-9))


def _bar_of_frame(grid: Grid, frames: int) -> NDArray[np.int64]:
    """Which bar each frame [G] lies in, from 0; -1 before the first downbeat, and everywhere without a beat."""
    times = np.arange(frames) / CHROMA_RATE
    return np.searchsorted(grid.downbeats, times + 0.5 / CHROMA_RATE, side="right") - 1


def _loop(by_bar: Array) -> int:
    """Bars after which the harmony [12, bars] repeats: 1, 2, 4 or 8, else all of them."""
    bars = by_bar.shape[1]
    units = by_bar / np.maximum(np.linalg.norm(by_bar, axis=0), 1e-9)
    alike = {n: float((units[:, n:] * units[:, :-n]).sum(0).mean()) for n in (1, 2, 4, 8) if 2 * n <= bars}
    if not alike or max(alike.values()) < 0.7:
        return bars
    return min(n for n, value in alike.items() if value > max(alike.values()) - 0.03)


def _chord(chroma: Array) -> str:
    """The major or minor triad that holds most of a chroma [12], or nothing."""
    if chroma.sum() < 0.5:
        return ""
    held = {
        note + ("m" if mode == "minor" else ""): sum(
            w * chroma[(root + d) % 12] for w, d in zip(_TRIAD, degrees, strict=True)
        )
        for mode, degrees in _MODES.items()
        for root, note in enumerate(NOTES)
    }
    return max(held, key=lambda name: held[name])
