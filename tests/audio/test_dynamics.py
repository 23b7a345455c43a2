"""The limiter and the range compressor: what they hold, what they leave alone, and what they must not do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import dynamics
from lowend.audio.loudness import true_peak_dbtp

RATE = 32000


def sound(seed: int, seconds: float, level: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal((2, len(t)))
    return (level * (np.sin(2 * np.pi * 70 * t) + 0.4 * noise * np.exp(-(t * 3 % 1) * 9))).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.floats(0.01, 30), st.floats(-12, -0.5))
def test_the_limiter_holds_the_true_peak_and_never_amplifies(seed: int, level: float, peak_dbtp: float) -> None:
    mix = sound(seed, 0.7, level)
    curve = dynamics.limiter(mix, RATE, peak_dbtp)
    assert true_peak_dbtp(mix * curve) <= peak_dbtp + 1e-3
    assert curve.min() > 0 and curve.max() <= 1
    if true_peak_dbtp(mix) <= peak_dbtp:
        assert (curve == 1).all()


def test_the_limiter_works_around_a_peak_and_nowhere_else() -> None:
    mix = sound(0, 2.0, 0.1)
    mix[:, RATE] = 1.5
    curve = dynamics.limiter(mix, RATE, -1.5)
    far = np.abs(np.arange(2 * RATE) - RATE) > 3 * dynamics.LOOK_S * RATE
    assert curve[far] == pytest.approx(1, abs=1e-3) and curve[RATE] < 0.6


def test_the_limiter_does_not_follow_the_waveform_of_an_808() -> None:
    """A 45 Hz tone 6 dB too loud stays a tone: harmonics below -60 dB, where a clipper makes -10 dB."""
    t = np.arange(4 * RATE) / RATE
    mix = (1.7 * np.sin(2 * np.pi * 45 * t))[None].astype(np.float32)
    made = (mix * dynamics.limiter(mix, RATE, -1.5))[0, RATE : 3 * RATE]
    power = np.abs(np.fft.rfft(made * np.blackman(len(made)))) ** 2
    hz = np.fft.rfftfreq(len(made), 1 / RATE)
    assert 10 * np.log10(power[hz > 80].sum() / power.sum()) < -60


def test_a_track_that_is_even_keeps_its_range_and_a_short_one_has_none() -> None:
    even = sound(1, 9.0, 0.2)
    assert (dynamics.compressor(even, RATE, 5.0) == 1).all()
    assert dynamics.loudness_range(sound(1, 2.9, 0.2), RATE) == 0


def test_the_range_is_narrowed_by_slow_gains_that_leave_beats_alone() -> None:
    mix = sound(2, 24.0, 0.2) * np.repeat([0.08, 0.3, 1.0], 8 * RATE).astype(np.float32)
    curve = dynamics.compressor(mix, RATE, 4.0)
    assert dynamics.loudness_range(mix, RATE) > 15
    assert dynamics.loudness_range(mix * curve, RATE) == pytest.approx(4, abs=1)
    step_db = np.abs(np.diff(20 * np.log10(curve[:: RATE // 10])))
    assert step_db.max() < 2.5, "in a tenth of a second"


def test_silence_between_passages_gets_no_gain_of_its_own() -> None:
    mix = sound(3, 24.0, 0.2) * np.repeat([0.1, 0.0, 1.0], 8 * RATE).astype(np.float32)
    curve = dynamics.compressor(mix, RATE, 4.0)
    assert curve[12 * RATE] <= 10 ** (dynamics.MAX_MOVE_DB / 20) * 1.001
