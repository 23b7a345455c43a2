"""Mono keeps the bass, whatever the stereo image did to it."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.audio import mono

RATE = 32000
T = np.arange(4 * RATE) / RATE


def wide(hz: float, degrees: float) -> np.ndarray:
    """A tone whose right channel lags by so many degrees."""
    return np.stack([np.sin(2 * np.pi * hz * T), np.sin(2 * np.pi * hz * T - np.radians(degrees))]).astype(np.float32)


def level_db(wav: np.ndarray) -> float:
    return float(10 * np.log10((wav[:, RATE:-RATE] ** 2).mean()))


@pytest.mark.parametrize(("degrees", "cancels"), [(0, False), (90, False), (110, False), (130, True), (180, True)])
def test_bass_survives_at_every_phase(degrees: float, cancels: bool) -> None:
    bass = wide(50, degrees)
    assert mono.cancels_low(bass, RATE) == cancels
    made = mono.fold(bass, RATE, cancels)
    assert made.shape == (1, len(T)) and level_db(made) > level_db(bass) - 6.1


def test_only_the_low_band_is_turned_over() -> None:
    bass, lead = wide(50, 180), 0.3 * wide(2000, 20)
    plain, turned = (mono.fold(bass + lead, RATE, flip) for flip in (False, True))
    assert level_db(plain) == pytest.approx(level_db(mono.fold(lead, RATE, False)), abs=0.1), "the bass is gone"
    np.testing.assert_allclose((turned - plain)[:, RATE:-RATE], bass[:1, RATE:-RATE], atol=0.01)


def test_an_anti_phase_lead_does_not_turn_the_bass_over() -> None:
    assert not mono.cancels_low(0.1 * wide(50, 0) + wide(2000, 180), RATE)
    assert not mono.cancels_low(np.zeros((2, RATE), np.float32), RATE)


def test_what_is_mono_stays_as_it_is() -> None:
    assert not mono.cancels_low(wide(50, 0)[:1], RATE)
    np.testing.assert_array_equal(mono.fold(wide(50, 0)[:1], RATE, True), wide(50, 0)[:1])
