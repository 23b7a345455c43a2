"""Loudness by measure-then-gain: one gain per track, set from the mix, for all of its views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyloudnorm
from scipy.signal import resample_poly

from lowend.audio.io import Wave

SAMPLE_CEILING = 0.99  # of every view: 24-bit FLAC has no headroom above 1.0


@dataclass(frozen=True, slots=True)
class Gain:
    """What was measured, what was applied, and what is missing to the target."""

    measured_lufs: float
    gain_db: float
    short_of_target_db: float


def integrated_lufs(wav: Wave, rate: int) -> float:
    """Integrated loudness of [C, S] in LUFS (ITU-R BS.1770-4); -inf for silence."""
    return float(pyloudnorm.Meter(rate).integrated_loudness(wav.T.astype(np.float64)))


def true_peak_dbtp(wav: Wave) -> float:
    """True peak of [C, S] in dBTP: the largest sample after fourfold oversampling (BS.1770-4, annex 2)."""
    peak = float(np.abs(resample_poly(wav, 4, 1, axis=1)).max(initial=0.0))
    return 20 * np.log10(max(peak, 1e-9))


def track_gain(mix: Wave, views: Mapping[str, Wave], rate: int, lufs: float, peak_dbtp: float) -> Gain:
    """The gain in dB that brings `mix` to `lufs`, lowered until its true peak and every view's peak hold."""
    measured = integrated_lufs(mix, rate)
    wanted = lufs - measured if np.isfinite(measured) else 0.0
    loudest = max((float(np.abs(v).max(initial=0.0)) for v in views.values()), default=0.0)
    ceiling = 20 * np.log10(SAMPLE_CEILING / max(loudest, 1e-9))
    allowed = min(wanted, peak_dbtp - true_peak_dbtp(mix), ceiling)
    return Gain(round(measured, 4), round(float(allowed), 6), round(float(wanted - allowed), 4))
