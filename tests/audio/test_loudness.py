"""Loudness against the numbers of ITU-R BS.1770-4 and EBU Tech 3341, and the gain that follows from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio.dynamics import loudness_range
from lowend.audio.loudness import METERS_DIFFER_DB, Target, at, integrated_lufs, track_gain, true_peak_dbtp

RATE = 48000
MUSIC = np.random.default_rng(0).standard_normal((2, 3 * RATE)).astype(np.float32)
MUSIC *= np.float32(0.1) / np.abs(MUSIC).max() * (1 + 3 * (np.arange(3 * RATE) % 12000 < 3000)).astype(np.float32)


def sine(hz: float, dbfs: float, channels: int = 1, seconds: float = 5.0) -> np.ndarray:
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)
    return np.repeat(wave.astype(np.float32)[None], channels, 0)


@pytest.mark.parametrize(
    ("dbfs", "channels", "lufs"),
    [(0.0, 1, -3.01), (-20.0, 1, -23.01), (-23.0, 2, -23.0), (-33.0, 2, -33.0)],
)
def test_standard_tones_read_their_standard_loudness(dbfs: float, channels: int, lufs: float) -> None:
    """BS.1770-4, table 3 note: 997 Hz at 0 dBFS in one channel is -3.01 LKFS; Tech 3341, cases 1 and 2: +-0.1."""
    assert integrated_lufs(sine(997, dbfs, channels), RATE) == pytest.approx(lufs, abs=0.1)


@settings(max_examples=25, deadline=None)
@given(st.floats(-30, 12, allow_subnormal=False))
def test_a_gain_moves_loudness_and_peak_by_itself(gain_db: float) -> None:
    """Every block stays above the absolute gate of -70 LUFS here, so that gating cannot change."""
    louder = MUSIC * np.float32(10 ** (gain_db / 20))
    assert integrated_lufs(louder, RATE) - integrated_lufs(MUSIC, RATE) == pytest.approx(gain_db, abs=1e-3)
    assert true_peak_dbtp(louder) - true_peak_dbtp(MUSIC) == pytest.approx(gain_db, abs=1e-3)


def test_silence_is_left_out_by_the_gate() -> None:
    tone = sine(997, -20)
    gap = np.concatenate([tone, np.zeros_like(tone), tone], 1)
    assert integrated_lufs(gap, RATE) == pytest.approx(integrated_lufs(tone, RATE), abs=0.3)
    assert integrated_lufs(np.zeros((1, RATE), np.float32), RATE) == -np.inf


def test_what_is_shorter_than_a_block_has_no_loudness() -> None:
    tone = sine(997, 0)
    assert integrated_lufs(tone[:, : RATE // 10], RATE) == -np.inf
    assert integrated_lufs(tone[:, : 2 * RATE // 5], RATE) == pytest.approx(-3.01, abs=0.1)


@settings(max_examples=25, deadline=None)
@given(st.floats(-30, 12), st.floats(-40, 0))
def test_sound_is_brought_to_a_loudness_with_its_shape_kept(gain_db: float, lufs: float) -> None:
    given_ = MUSIC * np.float32(10 ** (gain_db / 20))
    made = at(given_, RATE, lufs)
    assert made.dtype == np.float32 and integrated_lufs(made, RATE) == pytest.approx(lufs, abs=1e-3)
    np.testing.assert_allclose(made / np.abs(made).max(), MUSIC / np.abs(MUSIC).max(), atol=1e-5)


@pytest.mark.parametrize(("wav", "lufs"), [(0 * MUSIC, -16.0), (MUSIC[:, :1000], -16.0), (MUSIC, -np.inf)])
def test_sound_without_a_loudness_stays_as_it_is(wav: np.ndarray, lufs: float) -> None:
    assert at(wav, RATE, lufs) is wav


@pytest.mark.parametrize(("phase", "sample_db"), [(np.pi / 4, -3.01), (np.pi / 8, -0.69), (np.pi / 2, 0.0)])
def test_true_peak_is_the_waves_not_the_samples(phase: float, sample_db: float) -> None:
    """A full-scale sine at a quarter of the rate, well inside what Tech 3341 allows (cases 15 to 18: +0.2, -0.4 dB)."""
    wave = np.sin(np.pi / 2 * np.arange(4000) + phase)[None] * np.hanning(4000)
    assert 20 * np.log10(np.abs(wave).max()) == pytest.approx(sample_db, abs=0.01)
    assert -0.3 <= true_peak_dbtp(wave) <= 0.2


def test_silence_and_one_sample_have_a_peak_too() -> None:
    assert true_peak_dbtp(np.zeros((2, 100), np.float32)) == pytest.approx(-180)
    assert true_peak_dbtp(np.full((1, 1), 0.5, np.float32)) == pytest.approx(-6.02, abs=0.2)


@pytest.mark.parametrize(
    ("view_peak", "lufs", "peak_dbtp", "limit"),
    [(0.1, -40.0, -1.0, "target"), (0.1, -5.0, -1.0, "true peak"), (4.0, -16.0, 0.0, "view")],
)
@settings(max_examples=10, deadline=None)
@given(level_db=st.floats(-20, 6, allow_subnormal=False))
def test_one_gain_is_as_high_as_its_tightest_limit_allows(
    view_peak: float, lufs: float, peak_dbtp: float, limit: str, level_db: float
) -> None:
    level = np.float32(10 ** (level_db / 20))
    mix, view = MUSIC * level, np.full(MUSIC.shape, -view_peak, np.float32) * level
    gain, factor = track_gain(mix, [mix, view, -view / 2], RATE, Target(lufs, peak_dbtp, limiter=False, lra=0.0))
    assert factor == pytest.approx(np.full(MUSIC.shape[1], 10 ** (gain.gain_db / 20)), rel=1e-5)
    after = mix * factor
    reached = {
        "target": integrated_lufs(after, RATE) - lufs,
        "true peak": true_peak_dbtp(after) - (peak_dbtp - METERS_DIFFER_DB),
        "view": 20 * np.log10(np.abs(view).max() / 0.99) + gain.gain_db,
    }
    assert reached[limit] == pytest.approx(0, abs=1e-4) and max(reached.values()) <= 1e-4
    assert gain.short_of_target_db == pytest.approx(-reached["target"], abs=1e-3)
    assert gain.measured_lufs == pytest.approx(integrated_lufs(mix, RATE), abs=1e-3)


def test_silence_gets_no_gain_and_no_number() -> None:
    silence = np.zeros((1, RATE), np.float32)
    for limiter in (False, True):
        gain, factor = track_gain(silence, [silence], RATE, Target(-16.0, -1.5, limiter, 6.0))
        assert (gain.measured_lufs, gain.gain_db, gain.short_of_target_db) == (-np.inf, 0.0, 0.0)
        assert (factor == 1).all()


@pytest.mark.parametrize("lra", [0.0, 4.0])
def test_with_the_limiter_loudness_is_reached_and_stems_still_sum(lra: float) -> None:
    """Drums whose peaks keep them 8 LU below the target under one gain."""
    t = np.arange(12 * RATE) / RATE
    swell = np.where(t < 6, 0.1, 1.0)
    drums = (swell * np.exp(-(t * 2 % 1) * 30) * np.sin(2 * np.pi * 180 * t))[None].astype(np.float32)
    bass = (0.1 * swell * np.sin(2 * np.pi * 50 * t))[None].astype(np.float32)
    plain, _ = track_gain(drums + bass, [drums, bass], RATE, Target(-16.0, -1.5, limiter=False, lra=0.0))
    gain, factor = track_gain(drums + bass, [drums, bass], RATE, Target(-16.0, -1.5, limiter=True, lra=lra))
    made = (drums + bass) * factor
    assert plain.short_of_target_db > 3 and gain.reduction_db > 3
    assert integrated_lufs(made, RATE) == pytest.approx(-16, abs=0.05)
    assert true_peak_dbtp(made) <= -1.5
    np.testing.assert_allclose(drums * factor + bass * factor, made, atol=1e-6)
    if lra:
        assert loudness_range(drums + bass, RATE) > 10 and loudness_range(made, RATE) <= lra + 1
