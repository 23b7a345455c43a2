"""Band energies: a tone is in its band with its power, frame by frame, and storing keeps it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend.audio.bandenergy import band_energies, from_levels, to_levels

RATE = 32000


def tone(hz: float, seconds: float, peak: float = 1.0) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(RATE * seconds)) / RATE)).astype(np.float32)[None]


@pytest.mark.parametrize(("hz", "band"), [(40, 0), (55, 0), (120, 0), (400, 1), (1000, 1), (3000, 2), (9000, 2)])
def test_a_tone_lies_in_its_band_with_its_power(hz: float, band: int) -> None:
    found = band_energies(tone(hz, 2, 0.5), RATE, 50, 100)[:, 4:-4]
    np.testing.assert_allclose(found[band], 0.125, rtol=0.02)
    others = np.delete(found, band, axis=0)
    assert (others < 1e-3 * 0.125).all()


def test_a_hit_is_heard_in_its_own_frame() -> None:
    wav = np.zeros((1, RATE), np.float32)
    wav[:, 25 * 640 : 26 * 640] = tone(5000, 0.02)
    found = band_energies(wav, RATE, 50, 50)
    assert int(found[2].argmax()) == 25 and found[2, 28:].max() < 1e-6 and found[2, :23].max() < 1e-6


@given(st.integers(0, 40), st.integers(1, 60), st.integers(1, 2))
def test_any_length_gives_the_frames_that_were_asked(samples: int, frames: int, channels: int) -> None:
    wav = np.full((channels, samples * 100), 0.1, np.float32)
    found = band_energies(wav, RATE, 50, frames)
    assert found.shape == (3, frames) and found.dtype == np.float32 and np.isfinite(found).all() and (found >= 0).all()
    beyond = -(-samples * 100 // 640) + 3
    assert (found[:, beyond:] == 0).all()


@given(st.lists(st.floats(1e-11, 1.0), min_size=1, max_size=30))
def test_storing_keeps_quiet_bands(energies: list[float]) -> None:
    exact = np.array(energies, np.float32)[None].repeat(3, 0)
    np.testing.assert_allclose(from_levels(to_levels(exact)), exact, rtol=0.02)
