"""The desk: placing, side-chain, and saturation that keeps stems summing to the mix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.synth.dsp import SAMPLE_RATE
from lowend.synth.mixdown import PEAK, glue, place, side_chain


@given(start=st.integers(0, 60), length=st.integers(1, 60), stereo=st.booleans())
def test_what_reaches_beyond_the_end_is_cut_off(start: int, length: int, stereo: bool) -> None:
    bus = np.zeros((2, 50), np.float32)
    place(bus, np.ones((2, length) if stereo else length, np.float32), start, 0.5)
    expected = np.zeros(50, np.float32)
    expected[start : start + length] = 0.5
    np.testing.assert_array_equal(bus, [expected, expected])


def test_a_kick_pushes_down_and_lets_go() -> None:
    gain = side_chain([(SAMPLE_RATE, 0.8)], 2 * SAMPLE_RATE, 0.7, 0.2)
    assert gain[: SAMPLE_RATE - 200].min() == 1 and gain.min() == pytest.approx(0.3, abs=0.01)
    assert abs(int(gain.argmin()) - SAMPLE_RATE) < 0.005 * SAMPLE_RATE
    assert gain[int(1.25 * SAMPLE_RATE) :].min() == 1


def test_soft_kicks_push_less_and_two_at_once_do_not_add_up() -> None:
    soft, hard, both = (side_chain(k, 9000, 0.5, 0.1) for k in ([(900, 0.3)], [(900, 0.8)], [(900, 0.3), (900, 0.8)]))
    assert soft.min() > hard.min() and np.array_equal(both, hard)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), level=st.floats(0.001, 4), drive=st.floats(0.1, 3), length=st.integers(1, 70_000))
def test_stems_and_mix_stay_below_the_peak_and_one_of_them_reaches_it(
    seed: int, level: float, drive: float, length: int
) -> None:
    dice = np.random.default_rng(seed)
    stems = {name: (level * dice.normal(size=(2, length))).astype(np.float32) for name in "abc"}
    out = glue(stems, drive)
    peaks = [np.abs(w).max() for w in (*out.values(), sum(out.values()))]
    assert 0.99 * PEAK < max(peaks) <= PEAK


def test_saturation_keeps_the_balance_and_the_centre() -> None:
    t = np.arange(SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    bass = 0.5 * np.sin(2 * np.pi * 50 * t)
    pad = np.stack([0.2 * np.sin(2 * np.pi * 440 * t), 0.1 * np.sin(2 * np.pi * 555 * t)])
    out = glue({"bass": np.stack([bass, bass]), "other": pad.copy()}, 1.5)
    assert np.array_equal(*out["bass"]), "what is in the centre stays in the centre"
    ratio = out["bass"][0, 1:] * pad[0, 1:] - out["other"][0, 1:] * bass[1:]
    np.testing.assert_allclose(ratio, 0, atol=1e-4, err_msg="every stem gets the same gain")
    loud, quiet = 160, 20  # a crest and a rise of the bass
    assert out["bass"][0, loud] / bass[loud] < 0.97 * out["bass"][0, quiet] / bass[quiet], "crests are bent"


def test_silence_stays_silence() -> None:
    out = glue({"drums": np.zeros((2, 99), np.float32)}, 1.0)
    assert (out["drums"] == 0).all()


def test_stems_that_cancel_do_not_make_the_song_quiet() -> None:
    t = np.arange(SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    kick = np.tile(np.sin(2 * np.pi * 50 * t), (2, 1)) * (t < 0.3)
    bass = -kick + np.tile(0.5 * np.sin(2 * np.pi * 45 * t), (2, 1)) * (t >= 0.3)
    out = glue({"drums": kick, "bass": bass}, 2.0)
    assert np.abs(sum(out.values())).max() > 0.7 * PEAK
