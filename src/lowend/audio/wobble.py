"""The wobble of a bass: how fast its brightness swings while the note is held.

A plucked note is bright at once and then darkens; a wobble brightens as long as it darkens. That,
and that a sine fits the brightness inside half a bar, tells the two apart.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lowend.audio.bands import FRAME_RATE, LOW, Bands
from lowend.audio.beats import Grid

Array = NDArray[np.float64]

_TONE = slice(3, 7)  # 250 Hz - 4 kHz, where a wobbling filter is heard
_RATES_HZ = 0.5 * 2 ** np.arange(0, 4.75, 1 / 16)  # 0.5-13 Hz
_SLOWEST = 0.7  # turns inside a window, at least
_WINDOW_S = 1.0  # where no beat is steady; else two beats
_HELD_DB, _DEEP_DB, _RANGE_DB = 15.0, 2.5, 25.0
_FITS = 0.6  # of the variance
_OFTEN = 0.25  # of the bass, for it to count as wobbling
_RISING = (0.4, 0.8)  # share of moving frames that brighten


def rate_hz(bass: Bands, grid: Grid) -> float | None:
    """The rate that most of the wobbling bass swings at, or None where it does not wobble.

    Rates of fewer than one and a half turns in half a bar are rough (25 %), others within 10 %.
    """
    low, tone = (10 * np.log10(bass.power[part].sum(0) + 1e-9) for part in (LOW, _TONE))
    if low.max(initial=-90) < -60 or len(low) < 2 * FRAME_RATE:
        return None
    held = low > np.percentile(low, 95) - _HELD_DB
    tone = np.maximum(tone, np.percentile(tone, 95) - _RANGE_DB)
    if not _RISING[0] <= _rising(tone, held) <= _RISING[1]:
        return None
    fits = [_fit(tone[a:b], held[a:b]) for a, b in _windows(grid, len(low))]
    votes = np.zeros(len(_RATES_HZ))
    for fit, frames in fits:
        if fit is not None and fit.max() >= _FITS:
            votes[np.argmax(fit)] += frames
    if votes.sum() < _OFTEN * sum(frames for _, frames in fits) or not votes.any():
        return None
    peak = int(np.argmax(np.convolve(votes, (0.5, 1, 0.5), "same")))
    near = slice(max(peak - 1, 0), peak + 2)
    return round(float(np.exp(np.average(np.log(_RATES_HZ[near]), weights=votes[near]))), 2)


def _rising(tone: Array, held: NDArray[np.bool_]) -> float:
    """Share of the moving frames, inside held notes, in which the brightness [F] rises."""
    change = (tone[2:] - tone[:-2])[held[2:] & held[1:-1] & held[:-2]]
    up, down = (change > 0.5).sum(), (change < -0.5).sum()
    return float(up / max(up + down, 1))


def _windows(grid: Grid, frames: int) -> list[tuple[int, int]]:
    """Half bars, first and last frame; seconds where there is no beat."""
    times = grid.downbeats if len(grid.downbeats) > 1 else np.arange(0, frames / FRAME_RATE, 2 * _WINDOW_S)
    halves = np.sort(np.concatenate((times, (times[1:] + times[:-1]) / 2)))
    edges = np.round(halves * FRAME_RATE).astype(int).clip(0, frames)
    return [(a, b) for a, b in pairwise(edges.tolist()) if b > a]


def _fit(tone: Array, held: NDArray[np.bool_]) -> tuple[Array | None, int]:
    """How much of the variance about a straight line a sine of each rate explains [R], and frames held.

    None where too little is held, or the brightness hardly moves.
    """
    frames = int(held.sum())
    if frames < max(0.5 * len(held), 10):
        return None, 0
    t = np.flatnonzero(held) / FRAME_RATE
    t = t - t.mean()
    line = np.stack((np.full(frames, frames**-0.5), t / np.linalg.norm(t)))
    rest = tone[held] - line.T @ (line @ tone[held])
    power = float(rest @ rest)
    if power < frames * _DEEP_DB**2:
        return None, frames
    waves = np.exp(2j * np.pi * np.outer(_RATES_HZ, t))
    cos, sin = (part - (part @ line.T) @ line for part in (waves.real, waves.imag))
    cc, ss, cs = (cos * cos).sum(1), (sin * sin).sum(1), (cos * sin).sum(1)
    c, s = cos @ rest, sin @ rest
    explained = (c * c * ss - 2 * c * s * cs + s * s * cc) / np.maximum(cc * ss - cs * cs, 1e-6) / power
    return np.where(_RATES_HZ * (t[-1] - t[0]) >= _SLOWEST, explained, 0.0), frames
