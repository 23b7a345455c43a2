"""The rate of a wobble, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import bands, wobble
from lowend.audio.beats import Grid

RATE = 24000
SECONDS = 8.0
TIME = np.arange(int(SECONDS * RATE)) / RATE
GRID = Grid(140.0, np.arange(0, SECONDS, 60 / 140), np.arange(0, SECONDS, 240 / 140), 1.0)
NO_BEAT = Grid(None, np.zeros(0), np.zeros(0), 0.0)


def bass(bright: np.ndarray, level: np.ndarray | float = 1.0) -> bands.Bands:
    """A sub of steady level under a tone at 800 Hz of brightness [S]."""
    wave = level * (0.4 * np.sin(2 * np.pi * 55 * TIME) + 0.3 * bright * np.sin(2 * np.pi * 800 * TIME))
    return bands.bands(wave.astype(np.float32)[None], RATE)


def lfo(hz: float) -> np.ndarray:
    return 0.5 - 0.48 * np.cos(2 * np.pi * hz * TIME)


@settings(max_examples=25, deadline=None)
@given(st.floats(1.6, 9.5), st.sampled_from([GRID, NO_BEAT]))
def test_the_rate_of_a_wobble_is_found(hz: float, grid: Grid) -> None:
    assert wobble.rate_hz(bass(lfo(hz)), grid) == pytest.approx(hz, rel=0.1)


@pytest.mark.parametrize("hz", [1.3125, 1.35, 1.46])
def test_a_rate_of_hardly_more_than_a_turn_in_half_a_bar_is_found_roughly(hz: float) -> None:
    assert wobble.rate_hz(bass(lfo(hz)), GRID) == pytest.approx(hz, rel=0.25)


def test_of_two_rates_it_is_the_one_that_plays_longer() -> None:
    both = np.where(TIME < 5.2, lfo(140 / 60 * 2), lfo(140 / 60 * 3))
    assert wobble.rate_hz(bass(both), GRID) == pytest.approx(140 / 60 * 2, rel=0.1)


PLUCKED = np.exp(-(TIME % 0.4286) / 0.08)


@pytest.mark.parametrize(
    "envelopes",
    [bass(np.ones_like(TIME)), bass(PLUCKED), bass(PLUCKED, PLUCKED), bass(np.exp(-TIME / 3)), bass(0 * TIME, 0.0)],
    ids=["steady", "plucked over a sub", "plucked", "one long note", "silence"],
)
def test_a_note_that_does_not_wobble_has_no_rate(envelopes: bands.Bands) -> None:
    assert wobble.rate_hz(envelopes, GRID) is None
    assert wobble.rate_hz(envelopes, NO_BEAT) is None
