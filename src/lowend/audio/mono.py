"""Stereo to mono without losing the bass: out-of-phase channels below 200 Hz would cancel."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from lowend.audio.io import Wave

LOW_HZ = 200.0
LEAST_KEPT = 0.25  # share of the low band's power that the mean of the channels must keep: -6 dB


def _low(wav: Wave, rate: int) -> Wave:
    """What of [C, S] lies below 200 Hz, zero phase."""
    return np.asarray(sosfiltfilt(butter(4, LOW_HZ, fs=rate, output="sos"), wav, axis=1), np.float32)


def cancels_low(wav: Wave, rate: int) -> bool:
    """Whether the mean of the channels of [C, S] loses more than 6 dB of their power below 200 Hz."""
    low = _low(wav, rate).astype(np.float64)
    return bool((low.mean(0) ** 2).mean() < LEAST_KEPT * (low**2).mean())


def fold(wav: Wave, rate: int, flip_low: bool) -> Wave:
    """Mono [1, S] of [C, S] as the mean of the channels, the right one's low band turned over if asked."""
    mean = wav.mean(0, keepdims=True)
    return mean - _low(wav[1:2], rate) if flip_low and len(wav) == 2 else mean
