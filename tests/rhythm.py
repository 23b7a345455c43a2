"""Drum patterns for tests: kick, snare and hat on sixteenths of a bar, at any tempo."""

from __future__ import annotations

import numpy as np

from lowend.seeds import rng

RATE = 24000
BACKBEAT = {"kick": (0, 7, 10), "snare": (4, 12), "hat": tuple(range(0, 16, 2))}
HALF_TIME = {"kick": (0, 11), "snare": (8,), "hat": (0, 4, 6, 12)}
TRAP = {"kick": (0, 6), "snare": (8,), "hat": (*range(0, 12, 2), 12, 13, 14, 15)}

_T = np.arange(int(0.3 * RATE)) / RATE
_NOISE = rng("tests/rhythm").standard_normal(len(_T))
VOICES = {
    "kick": 0.9 * np.sin(2 * np.pi * 55 * _T) * np.exp(-_T / 0.06) * (1 - _T / 0.3),
    "snare": 0.3 * (_NOISE + np.sin(2 * np.pi * 200 * _T)) * np.exp(-_T / 0.04),
    "hat": 0.3 * np.diff(_NOISE, prepend=0) * np.exp(-_T / 0.012),
}


def drums(
    pattern: dict[str, tuple[int, ...]],
    bpm: float | np.ndarray,
    seconds: float,
    start_s: float = 0.0,
    swing: float = 0.0,
) -> np.ndarray:
    """Mono [1, S]; `bpm` may be a tempo for each sixteenth; odd sixteenths are late by `swing` sixteenths."""
    out = np.zeros(int(seconds * RATE))
    steps = np.broadcast_to(np.asarray(15 / np.asarray(bpm, float)), int(seconds * 20))
    times = start_s + np.concatenate(([0], np.cumsum(steps)))
    for name, places in pattern.items():
        for n in range(len(times) - 1):
            late = swing * steps[n] if n % 2 else 0.0
            at = round((times[n] + late) * RATE)
            if n % 16 in places and at < len(out):
                part = out[at : at + len(_T)]
                part += VOICES[name][: len(part)]
    return (0.7 * out).astype(np.float32)[None]
