"""Figures of sound against signals whose figures follow from how they are made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.metrics import sound

RATE = 32_000
T = np.arange(3 * RATE) / RATE


def tone(hz: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * T)).astype(np.float32)[None]


def noise(seed: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, (1, len(T))).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.floats(28, 50), st.floats(75, 180), st.floats(300, 8000), st.floats(0.1, 0.8), st.floats(0.1, 0.9))
def test_shares_of_sub_and_bass_are_those_of_the_power(
    sub_hz: float, bass_hz: float, high_hz: float, low: float, sub: float
) -> None:
    parts = {sub_hz: low * sub, bass_hz: low * (1 - sub), high_hz: 1 - low}
    wav = sum(np.sqrt(share) * tone(hz) for hz, share in parts.items())
    found = sound.measure(wav, RATE)
    assert found.sub_share == pytest.approx(low * sub, abs=0.03)
    assert found.bass_share == pytest.approx(low * (1 - sub), abs=0.03)
    quieter = sound.measure(0.01 * wav, RATE)
    assert quieter.sub_share == pytest.approx(found.sub_share, abs=1e-6)


def test_kick_and_sub_that_sound_together_correlate_and_a_duck_does_the_opposite() -> None:
    gate = (T * 2 % 1 < 0.5).astype(np.float32)
    together = (tone(40) + tone(90)) * gate
    ducked = tone(40) * (1 - gate) + tone(90) * gate
    assert sound.kick_sub_correlation(together, RATE) > 0.9
    assert sound.kick_sub_correlation(ducked, RATE) < -0.7
    assert sound.kick_sub_correlation(np.zeros_like(together), RATE) is None


@settings(max_examples=20, deadline=None)
@given(st.floats(-1, 1))
def test_width_and_mono_loss_follow_from_the_correlation_of_the_channels(r: float) -> None:
    a, b = noise(0), noise(1)
    wav = np.concatenate([a, np.float32(r) * a + np.float32(np.sqrt(1 - r * r)) * b])
    assert sound.stereo_width(wav) == pytest.approx((1 - r) / 2, abs=0.01)
    assert 10 ** (-sound.mono_loss_db(wav) / 10) == pytest.approx(max((1 + r) / 2, 1e-6), abs=0.01)


def test_stereo_at_its_ends() -> None:
    one = noise(0)
    assert (sound.stereo_width(one), sound.mono_loss_db(one)) == (0, 0)
    opposite = np.concatenate([one, -one])
    assert (sound.stereo_width(opposite), sound.mono_loss_db(opposite)) == (1, sound.MOST_LOST_DB)
    found = sound.measure(np.concatenate([tone(60, 0.2) + noise(1), -tone(60, 0.2) + noise(1)]), RATE)
    assert found.low_mono_loss_db > 10 > found.mono_loss_db, "only the bass is out of phase"


def test_attacks_are_sharp_where_the_level_jumps() -> None:
    decay = np.exp(-(T * 4 % 1) * 12).astype(np.float32)
    hits = noise(2) * decay
    soft = noise(2) * np.convolve(decay, np.hanning(RATE // 10) / (RATE / 20), "same").astype(np.float32)
    steady = noise(2)
    found = [sound.attack_db(wav, RATE) for wav in (hits, soft, steady)]
    assert found[0] > 20 > found[1] > found[2] and found[2] < 3
    assert sound.attack_db(0.01 * hits, RATE) == pytest.approx(found[0], abs=0.1)
    assert sound.attack_db(hits[:, :100], RATE) == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(20, 400), st.floats(0.2, 0.95))
def test_clipped_share_is_that_of_the_flat_tops(hz: float, ceiling: float) -> None:
    wav = tone(hz, 1.0)
    assert sound.clipped_share(wav) == 0
    cut = wav.clip(-ceiling, ceiling)
    expected = (np.abs(wav) >= ceiling).mean()
    assert sound.clipped_share(cut) == pytest.approx(expected, abs=0.02)
    assert sound.clipped_share(0.3 * cut) == pytest.approx(expected, abs=0.02), "turned down afterwards"


def test_digital_silence_inside_a_clip_is_not_clipping() -> None:
    wav = tone(50)
    wav[:, RATE:] = 0
    assert sound.clipped_share(wav) == 0


def test_loudness_is_that_of_the_standard_and_gain_moves_it() -> None:
    """A 997 Hz sine at full scale in one channel is -3.01 LUFS (BS.1770-4)."""
    assert sound.measure(tone(997, 1.0), RATE).lufs == pytest.approx(-3.01, abs=0.1)
    assert sound.measure(tone(997, 0.1), RATE).lufs == pytest.approx(-23.01, abs=0.1)
    assert sound.measure(tone(997)[:, : RATE // 4], RATE).lufs is None


@pytest.mark.parametrize("wav", [np.zeros((2, RATE)), np.full((1, 1), 1e-4), np.zeros((1, 0))])
def test_silence_has_no_figures_rather_than_made_up_ones(wav: np.ndarray) -> None:
    assert sound.is_silent(wav) and sound.measure(wav.astype(np.float32), RATE) == sound.SILENCE
    assert sound.summarise([sound.SILENCE], 20, "x") == {}


@pytest.mark.filterwarnings("error")
def test_one_loud_sample_is_measured_without_a_warning() -> None:
    found = sound.measure(np.ones((1, 1), np.float32), RATE)
    assert found.lufs is None and found.clipped_share == 0 and found.kick_sub_correlation is None


def test_means_are_over_the_clips_that_have_a_figure() -> None:
    loud, quiet = (sound.measure(tone(997, level), RATE) for level in (1.0, 0.1))
    found = sound.summarise([loud, sound.SILENCE, quiet], 50, "x")
    assert found["lufs"] == pytest.approx(-13.01, abs=0.1) and found["lufs_low"] <= found["lufs"] <= found["lufs_high"]
    assert {"sub_share", "stereo_width", "clipped_share"} <= set(found)
