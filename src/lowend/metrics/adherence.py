"""Does a clip have the tempo and the key that its prompt asked for, and how much low end?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import welch

from lowend.audio import analysis
from lowend.audio.io import Wave
from lowend.clips import Clip
from lowend.metrics.bootstrap import mean

TEMPO_TOLERANCE = 0.04  # as in the Accuracy-2 of tempo estimation (Gouyon et al., 2006)


@dataclass(frozen=True, slots=True)
class Adherence:
    """One clip: what was heard, and whether it is what the prompt asked for.

    `tempo_error` is relative, up to octaves; `key_distance` counts steps on the circle of fifths, a
    key and its relative being equal; both are None where nothing was asked for or nothing was heard.
    `tempo_right` and `key_right` are None only where the prompt asks for none.
    """

    bpm: float | None
    key: str
    tempo_error: float | None
    tempo_right: bool | None
    key_distance: int | None
    key_right: bool | None
    low_share: float
    is_silent: bool


def low_share(wav: Wave, rate: int) -> float:
    """Share of the power of [C, S] that lies in 20-200 Hz, of all from 20 Hz on; 0 for silence."""
    frequency, power = welch(wav.mean(0), rate, nperseg=min(wav.shape[1], rate // 2))
    audible = power[frequency >= 20].sum()
    return float(power[(frequency >= 20) & (frequency < 200)].sum() / audible) if audible > 1e-12 else 0.0


def judge(clip: Clip, wav: Wave, rate: int, backend: str) -> Adherence:
    """Analyse one clip against its prompt."""
    asked = analysis.key_name(clip.key)
    is_silent = float(np.abs(wav).max()) < 1e-3
    found = analysis.Analysis(None, "", 0.0) if is_silent else analysis.backend(backend)(wav, rate)
    error = analysis.tempo_error(found.bpm, clip.bpm) if found.bpm and clip.bpm else None
    return Adherence(
        found.bpm,
        found.key,
        error,
        (error is not None and error < TEMPO_TOLERANCE) if clip.bpm else None,
        analysis.key_distance(asked, found.key) if asked else None,
        found.key == asked if asked else None,
        0.0 if is_silent else low_share(wav, rate),
        is_silent,
    )


def summarise(clips: Sequence[Adherence], resamples: int, name: str) -> dict[str, float]:
    """Shares with intervals: tempo right (within 4 %, octaves allowed), key right, key within a fifth.

    Over the clips whose prompt asks for a tempo or a key; where none does, the share is left out. A
    clip without a beat or a key counts as wrong; silent clips are counted.
    """
    keyed = [c for c in clips if c.key_right is not None]
    shares = {
        "tempo_right": [float(c.tempo_right) for c in clips if c.tempo_right is not None],
        "key_right": [float(bool(c.key_right)) for c in keyed],
        "key_within_a_fifth": [float(c.key_distance is not None and c.key_distance <= 1) for c in keyed],
        "low_share": [c.low_share for c in clips],
    }
    found = {"silent_clips": float(sum(c.is_silent for c in clips))}
    for metric, values in shares.items():
        if values:
            found |= mean(values, resamples, f"{name}/{metric}").as_metrics(metric)
    return found
