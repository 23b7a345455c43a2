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
    """One clip: relative tempo error up to octaves, steps on the circle of fifths, share of 20-200 Hz."""

    bpm: float | None
    key: str
    tempo_error: float | None
    key_distance: int | None
    low_share: float
    is_silent: bool


def low_share(wav: Wave, rate: int) -> float:
    """Share of the power of [C, S] that lies in 20-200 Hz, of all from 20 Hz on; 0 for silence."""
    frequency, power = welch(wav.mean(0), rate, nperseg=min(wav.shape[1], rate // 2))
    audible = power[frequency >= 20].sum()
    return float(power[(frequency >= 20) & (frequency < 200)].sum() / audible) if audible > 1e-12 else 0.0


def judge(clip: Clip, wav: Wave, rate: int, backend: str) -> Adherence:
    """Analyse one clip against its prompt."""
    if float(np.abs(wav).max()) < 1e-3:
        return Adherence(None, "", None, None, 0.0, True)
    found = analysis.backend(backend)(wav, rate)
    error = analysis.tempo_error(found.bpm, clip.bpm) if found.bpm and clip.bpm else None
    asked = analysis.key_name(clip.key)
    return Adherence(
        found.bpm,
        found.key,
        error,
        analysis.key_distance(asked, found.key) if asked else None,
        low_share(wav, rate),
        False,
    )


def summarise(clips: Sequence[Adherence], resamples: int, name: str) -> dict[str, float]:
    """Shares with intervals: tempo right (within 4 %, octaves allowed), key right, key within a fifth.

    A clip without a beat or a key counts as wrong; silent clips are counted.
    """
    tempo = [float(c.tempo_error is not None and c.tempo_error < TEMPO_TOLERANCE) for c in clips]
    exact = [float(c.key_distance == 0) for c in clips]
    near = [float(c.key_distance is not None and c.key_distance <= 1) for c in clips]
    low = [c.low_share for c in clips]
    return {
        "silent_clips": float(sum(c.is_silent for c in clips)),
        **mean(tempo, resamples, f"{name}/tempo").as_metrics("tempo_right"),
        **mean(exact, resamples, f"{name}/key").as_metrics("key_right"),
        **mean(near, resamples, f"{name}/fifth").as_metrics("key_within_a_fifth"),
        **mean(low, resamples, f"{name}/low").as_metrics("low_share"),
    }
