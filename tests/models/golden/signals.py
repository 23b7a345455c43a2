"""The sounds that golden values were made of: sine waves and uniform noise, at two loudnesses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
SECONDS = 6.5
LEVELS = {"quiet": 0.02, "loud": 0.9}
KINDS = ("beat", "chord", "noise")


def signal(kind: str, level: str) -> NDArray[np.float32]:
    """Mono audio [S] at 16 kHz that peaks at about the level."""
    t = np.arange(int(SECONDS * RATE)) / RATE
    noise = 2 * np.random.default_rng(5).random(len(t)) - 1
    if kind == "beat":  # a falling kick twice a second, with a click of noise half way between
        phase = t % 0.5
        sound = np.sin(2 * np.pi * (50 * phase + 9 * (1 - np.exp(-30 * phase)))) * np.exp(-7 * phase)
        sound += 0.3 * noise * np.exp(-60 * ((t + 0.25) % 0.5))
    elif kind == "chord":  # A minor with five harmonics each, wobbling twice a second
        notes = [np.sin(2 * np.pi * hz * h * t) / h for hz in (220.0, 261.6, 329.6) for h in range(1, 6)]
        sound = sum(notes) * (0.6 + 0.4 * np.sin(4 * np.pi * t)) / 5
    else:
        sound = noise
    return (LEVELS[level] * sound).astype(np.float32)
