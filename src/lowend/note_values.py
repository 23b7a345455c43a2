"""Rates as note values of a tempo: `1/8`, `1/8T` for triplets, `1/4.` for dotted notes."""

from __future__ import annotations

import math

NOTES = {"1/1": 1 / 4, "1/2": 1 / 2, "1/4.": 2 / 3, "1/4": 1, "1/8.": 4 / 3, "1/4T": 3 / 2, "1/8": 2, "1/16.": 8 / 3,
         "1/8T": 3, "1/16": 4, "1/16T": 6, "1/32": 8}  # fmt: skip
"""Turns in a beat of each."""

WOBBLES = {name: NOTES[name] for name in ("1/4", "1/8.", "1/4T", "1/8", "1/8T", "1/16")}
"""Those at which basses wobble."""

_TOLERANCE = 0.06


def note(rate_hz: float | None, bpm: float | None) -> str:
    """The note value of a rate at a tempo, or nothing where none is within 6 %."""
    if not rate_hz or not bpm:
        return ""
    turns = rate_hz * 60 / bpm
    name = min(NOTES, key=lambda n: abs(math.log(NOTES[n] / turns)))
    return name if abs(NOTES[name] / turns - 1) <= _TOLERANCE else ""
