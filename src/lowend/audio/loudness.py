"""Loudness by measure-then-gain: set from the mix, for all of a track's views, so that stems still sum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyloudnorm
import soxr

from lowend.audio import dynamics
from lowend.audio.dynamics import Curve
from lowend.audio.io import Wave

SAMPLE_CEILING = 0.99  # of every view: 24-bit FLAC has no headroom above 1.0
TOLERANCE_LU = 0.02
METERS_DIFFER_DB = 0.2  # true-peak meters do, by their interpolators: peaks are held this much lower
SHORTEST_S = 0.4
"""The shortest audio that has a loudness: one gating block (BS.1770-4)."""
MAX_DRIVE_DB = 20.0
"""How far the limiter is driven at most: a track of clicks in silence has no loudness to be had."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a track's loudness is brought to: LUFS, dBTP, and by which means beside one gain.

    `limiter` lets a true-peak limiter pass the peaks' ceiling; `lra` above 0 narrows the loudness
    range to so many LU.
    """

    lufs: float
    peak_dbtp: float
    limiter: bool
    lra: float


@dataclass(frozen=True, slots=True)
class Gain:
    """What was measured, what was applied, and what is missing to the target.

    `measured_lra` is None where no range is asked for; `gain_db` is the constant part; `reduction_db` how
    far the curve goes below it at most.
    """

    measured_lufs: float
    measured_lra: float | None
    gain_db: float
    reduction_db: float
    reached_lufs: float
    short_of_target_db: float


def integrated_lufs(wav: Wave, rate: int) -> float:
    """Integrated loudness of [C, S] in LUFS (ITU-R BS.1770-4); -inf for silence and below `SHORTEST_S`."""
    if wav.shape[1] < SHORTEST_S * rate:
        return -math.inf
    return float(pyloudnorm.Meter(rate).integrated_loudness(wav.T.astype(np.float64)))


def at(wav: Wave, rate: int, lufs: float) -> Wave:
    """[C, S] at an integrated loudness, wherever its peaks then are; as it is where it or `lufs` is -inf."""
    gain_db = lufs - integrated_lufs(wav, rate)
    return (wav * 10 ** (gain_db / 20)).astype(np.float32) if math.isfinite(gain_db) else wav


def true_peak_dbtp(wav: Wave) -> float:
    """True peak of [C, S] in dBTP: the largest value after fourfold oversampling (BS.1770-4, annex 2)."""
    between = soxr.resample(wav.T.astype(np.float32), 1, 4, quality="VHQ")
    peak = max(float(np.abs(w).max(initial=0.0)) for w in (between, wav))
    return 20 * np.log10(max(peak, 1e-9))


def track_gain(mix: Wave, views: Iterable[Wave], rate: int, target: Target) -> tuple[Gain, Curve]:
    """The factor [S] of every sample that brings `mix` to the target, and what is to be recorded of it.

    A constant, unless the target asks for a limiter or a range: then the constant gain is lowered
    until the true peak of the mix holds. In both cases it is lowered until every view's peak holds.
    """
    measured = integrated_lufs(mix, rate)
    curve = np.ones(mix.shape[1], np.float32)
    if not np.isfinite(measured):
        return Gain(measured, None, 0.0, 0.0, measured, 0.0), curve
    level, squeezed, lra = measured, mix, None
    if target.lra > 0:
        lra = round(dynamics.loudness_range(mix, rate), 2)
        curve = dynamics.compressor(mix, rate, target.lra)
        squeezed = mix * curve
        level = integrated_lufs(squeezed, rate)
    if target.limiter:
        gain_db, limit = _drive(squeezed, level, rate, target)
        curve = curve * limit
    else:
        gain_db = min(target.lufs - level, target.peak_dbtp - METERS_DIFFER_DB - true_peak_dbtp(squeezed))
    factor = curve * np.float32(10 ** (gain_db / 20))
    loudest = max((float(np.abs(view * factor).max(initial=0.0)) for view in views), default=0.0)
    if loudest > SAMPLE_CEILING:
        factor *= np.float32(SAMPLE_CEILING / loudest)
        gain_db += float(20 * np.log10(SAMPLE_CEILING / loudest))
    reached = integrated_lufs(mix * factor, rate)
    reduction_db = -20 * np.log10(float(curve.min()))
    gain = Gain(
        round(measured, 4),
        lra,
        round(float(gain_db), 6),
        round(max(0.0, float(reduction_db)), 2),
        round(reached, 4),
        round(target.lufs - reached, 4),
    )
    return gain, factor


def _drive(mix: Wave, level: float, rate: int, target: Target) -> tuple[float, Curve]:
    """The gain in dB in front of the limiter that brings [C, S] of `level` LUFS to the target, and its curve."""
    first = gain_db = target.lufs - level
    for _ in range(12):
        driven = mix * np.float32(10 ** (gain_db / 20))
        limit = dynamics.limiter(driven, rate, target.peak_dbtp - METERS_DIFFER_DB)
        missing = target.lufs - integrated_lufs(driven * limit, rate)
        if abs(missing) <= TOLERANCE_LU or gain_db - first >= MAX_DRIVE_DB:
            break
        gain_db = min(gain_db + missing, first + MAX_DRIVE_DB)
    return gain_db, limit
