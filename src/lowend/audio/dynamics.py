"""Gain curves that change with time: a true-peak limiter and a loudness-range compressor.

Both look at the mix alone and return one curve, so that stems which are multiplied with it still sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyloudnorm
import soxr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from scipy.signal import oaconvolve

from lowend.audio.io import Wave

Curve = NDArray[np.float32]
"""Factor of every sample [S]."""

LOOK_S = 0.025
"""Seconds by which the limiter looks ahead and back: more than a period of 40 Hz, so that its gain
does not follow the waveform of an 808, which would distort it."""

SHORT_TERM_S, SHORT_TERM_STEP_S = 3.0, 0.1  # EBU Tech 3342
GATE_LUFS, RELATIVE_GATE_LU = -70.0, 20.0
MAX_MOVE_DB = 12.0


def limiter(mix: Wave, rate: int, peak_dbtp: float) -> Curve:
    """The curve, at most 1, that holds the true peak of [C, S] at `peak_dbtp`.

    Each sample's largest admissible factor, then its minimum over a window, then a Hann-weighted mean
    over the same window: the mean of values that are all small enough is small enough, and smooth.
    A last constant factor takes back what interpolation adds between samples.
    """
    ceiling = 10 ** (peak_dbtp / 20)
    peak = true_peaks(mix)
    if peak.max(initial=0.0) <= ceiling:
        return np.ones(mix.shape[1], np.float32)
    allowed = np.minimum(1.0, ceiling / np.maximum(peak, 1e-9))
    half = max(1, int(LOOK_S * rate))
    window = np.hanning(2 * half + 3)[1:-1]
    held = np.pad(minimum_filter1d(allowed, 2 * half + 1), half, mode="edge")
    curve = np.clip(oaconvolve(held, window / window.sum(), "valid"), 0.0, 1.0)
    left = float(true_peaks(mix * curve).max())
    return np.asarray(curve * min(1.0, ceiling / left), np.float32)


def true_peaks(wav: Wave) -> Curve:
    """The largest absolute value [S] at and around each sample of [C, S], after fourfold oversampling."""
    between = np.abs(soxr.resample(wav.T.astype(np.float32), 1, 4, quality="VHQ")).max(1)
    around = [np.roll(between, shift).reshape(-1, 4).max(1) for shift in (0, 2)]
    return np.maximum.reduce([*around, np.abs(wav).max(0)])


def compressor(mix: Wave, rate: int, lra: float) -> Curve:
    """The curve that narrows the loudness range of [C, S] to `lra` LU, ones where it is narrower.

    Short-term loudness (3 s) is drawn towards its own median by the factor that the range is too
    wide, and interpolated between its blocks: too slow to pump. Passages below the range's own
    relative gate keep the gain of the quietest one above it, and none is moved by more than 12 dB:
    silence is not drawn up. Twice more, for what interpolation leaves.
    """
    curve = np.ones(mix.shape[1], np.float32)
    for _ in range(3):
        found = loudness_range(mix * curve, rate)
        if found <= lra + 0.1:
            break
        level, centres = short_term_lufs(mix * curve, rate)
        audible = level > max(GATE_LUFS, _mean_lufs(level[level > GATE_LUFS]) - RELATIVE_GATE_LU)
        middle = float(np.median(level[audible]))
        gain_db = (middle - np.maximum(level, level[audible].min())) * (1 - lra / found)
        curve *= 10 ** (np.interp(np.arange(mix.shape[1]) / rate, centres, gain_db) / 20).astype(np.float32)
    most = 10 ** (MAX_MOVE_DB / 20)
    return np.clip(curve, 1 / most, most)


def _mean_lufs(level: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (level / 10))))


def loudness_range(wav: Wave, rate: int) -> float:
    """Loudness range of [C, S] in LU (EBU Tech 3342); 0 for less than 3 s."""
    if wav.shape[1] < SHORT_TERM_S * rate:
        return 0.0
    meter = pyloudnorm.Meter(rate, block_size=SHORT_TERM_S, overlap=1 - SHORT_TERM_STEP_S / SHORT_TERM_S)
    return float(np.nan_to_num(meter.loudness_range(wav.T.astype(np.float64))))


def short_term_lufs(wav: Wave, rate: int) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Short-term loudness of [C, S] in LUFS every 0.1 s, and the centres of its 3 s blocks in seconds."""
    meter = pyloudnorm.Meter(rate, block_size=SHORT_TERM_S, overlap=1 - SHORT_TERM_STEP_S / SHORT_TERM_S)
    meter.integrated_loudness(wav.T.astype(np.float64))
    level = np.maximum(np.asarray(meter.blockwise_loudness, np.float64), -120.0)  # -inf in digital silence
    return level, SHORT_TERM_S / 2 + SHORT_TERM_STEP_S * np.arange(len(level))
