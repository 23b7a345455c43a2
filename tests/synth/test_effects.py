"""Effects: reverb time, width that keeps the mono sum, an old sampler's steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve

from lowend.synth import effects
from lowend.synth.dsp import SAMPLE_RATE, low_pass


@pytest.mark.parametrize("seconds", [0.3, 1.5, 4.0])
def test_a_room_falls_by_sixty_decibels_in_its_time(seconds: float) -> None:
    impulse = effects.room(1, seconds, 5000.0)
    power = low_pass(impulse, 3000.0)[0] ** 2
    early, late = (
        power[int(a * seconds * SAMPLE_RATE) :][: int(0.1 * seconds * SAMPLE_RATE)].mean() for a in (0.1, 0.5)
    )
    assert 10 * np.log10(early / late) == pytest.approx(24, abs=5)
    np.testing.assert_allclose((impulse**2).sum(1), 1, rtol=1e-3)
    assert abs(np.corrcoef(impulse)[0, 1]) < 0.2, "two sides"


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1, 3000), r=st.integers(1, 500), seed=st.integers(0, 9))
def test_reverb_is_the_convolution(n: int, r: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    send, impulse = dice.normal(size=n).astype(np.float32), dice.normal(size=(2, r)).astype(np.float32)
    wet = effects.reverb(send, impulse)
    assert wet.dtype == np.float32
    np.testing.assert_allclose(wet, [convolve(send, side) for side in impulse], atol=1e-3)


@given(n=st.integers(1, 2000), width=st.floats(0, 1))
def test_width_keeps_the_mono_sum(n: int, width: float) -> None:
    mono = np.random.default_rng(n).normal(size=n).astype(np.float32)
    np.testing.assert_allclose(effects.widen(mono, width).mean(0), mono, atol=1e-5)


def test_width_spreads_the_mids_and_leaves_the_lows() -> None:
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    side = {}
    for hz in (50, 1000):
        left, right = effects.widen(np.sin(2 * np.pi * hz * t).astype(np.float32), 0.4)
        side[hz] = np.abs(left - right)[2000:].max()
    assert side[1000] > 0.5 and side[50] < 0.05


@given(hold=st.integers(1, 4), bits=st.sampled_from([0.0, 6.0, 8.0]))
def test_an_old_sampler_holds_and_rounds(hold: int, bits: float) -> None:
    wave = np.sin(np.arange(4001, dtype=np.float32) / 7)
    out = effects.crush(wave, hold, bits)
    assert len(out) == len(wave)
    assert (np.diff(out) != 0).mean() <= 1 / hold + 0.01
    if bits:
        np.testing.assert_allclose(out * 2 ** (bits - 1), np.round(out * 2 ** (bits - 1)), atol=1e-4)
    elif hold == 1:
        assert np.array_equal(out, wave)


def test_wow_swings_about_the_pitch() -> None:
    factor = effects.wow(4 * SAMPLE_RATE, 0.5, 20.0)
    cents = 1200 * np.log2(factor)
    assert cents.mean() == pytest.approx(0, abs=1) and 19 < cents.max() < 26 and factor[0] == 1
