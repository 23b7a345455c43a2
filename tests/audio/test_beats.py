"""Tempo, bars and swing of drum patterns whose every hit is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rhythm import BACKBEAT, HALF_TIME, RATE, TRAP, drums

from lowend.audio import bands, beats
from lowend.audio.bands import Tones
from lowend.seeds import rng

BPM = st.floats(30, 300, allow_subnormal=False)
NO_TONES = Tones(np.zeros((12, 300), np.float32), np.zeros((12, 300), np.float32))


def heard(wav: np.ndarray) -> beats.Onsets:
    return beats.onsets(bands.bands(wav, RATE))


def misses(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.array([np.abs(found - t).min(initial=np.inf) for t in true])


@given(BPM, st.floats(40, 150), st.floats(1.0, 4.0))
def test_octaves_are_those_inside_the_range_or_the_tempo_itself(bpm: float, low: float, width: float) -> None:
    made = beats.octaves(bpm, low, low * width)
    assert made == sorted(made) and len(made) >= 1
    for tempo in made:
        octave = np.log2(tempo / bpm)
        assert octave == pytest.approx(round(octave), abs=1e-9)
    inside = [bpm * 2.0**k for k in range(-3, 4) if low <= bpm * 2.0**k <= low * width]
    assert made == (inside or [bpm])


@settings(max_examples=20, deadline=None)
@given(st.floats(78, 128), st.sampled_from([None, 2 / 3, 4 / 3, 0.5, 1.0, 2.0]))
def test_a_tempo_is_found_whatever_the_backend_says(bpm: float, wrong: float | None) -> None:
    found, steadiness = beats.tempo(heard(drums(BACKBEAT, bpm, 16)), wrong and wrong * bpm, (65, 150))
    assert found == pytest.approx(bpm, rel=0.005) and steadiness > 0.4


@pytest.mark.parametrize("told", [None, 70.0, 140.0])
@pytest.mark.parametrize(
    ("pattern", "bpm", "span"),
    [(HALF_TIME, 140, (110, 160)), (TRAP, 140, (65, 150)), (BACKBEAT, 70, (65, 150)), (BACKBEAT, 90, (65, 150))],
    ids=["half-time dubstep", "trap", "slow boom bap", "boom bap"],
)
def test_half_or_double_is_what_the_genre_and_the_hats_say(
    pattern: dict[str, tuple[int, ...]], bpm: float, span: tuple[float, float], told: float | None
) -> None:
    assert beats.tempo(heard(drums(pattern, bpm, 16)), told, span)[0] == pytest.approx(bpm, rel=0.005)


@pytest.mark.parametrize(("pattern", "bpm"), [(BACKBEAT, 92), (HALF_TIME, 140)], ids=["backbeat", "half time"])
@pytest.mark.parametrize("start_s", [0.0, 0.31, 1.2])
def test_bars_begin_at_the_kick_before_the_snares(
    pattern: dict[str, tuple[int, ...]], bpm: float, start_s: float
) -> None:
    onset = heard(drums(pattern, bpm, 20, start_s))
    grid = beats.grid(onset, NO_TONES, bpm, 1.0)
    bars = np.arange(start_s, 19, 240 / bpm)
    assert misses(bars, grid.downbeats).max() < 0.03
    assert misses(np.arange(start_s, 19, 60 / bpm), grid.beats).max() < 0.03
    assert set(grid.downbeats) <= set(grid.beats)


def test_bars_are_found_where_a_track_begins_in_the_middle_of_one() -> None:
    pattern = {"kick": (2, 8, 14), "snare": (0,), "hat": tuple(range(0, 16, 2))}  # half time from its snare on
    grid = beats.grid(heard(drums(pattern, 140, 20)), NO_TONES, 140.0, 1.0)
    assert misses(np.arange(120 / 140, 19, 240 / 140), grid.downbeats).max() < 0.03


@pytest.mark.parametrize("start_s", [0.3, 0.8, 1.3, 1.8])
def test_a_kick_on_every_beat_leaves_the_first_to_begin_the_bar(start_s: float) -> None:
    grid = beats.grid(heard(drums({"kick": (0, 4, 8, 12)}, 120, 20, start_s)), NO_TONES, 120.0, 1.0)
    assert misses(np.arange(start_s, 19, 2.0), grid.downbeats).max() < 0.03


def test_beats_follow_a_tempo_that_drifts() -> None:
    steps = 100 * (1 + 0.02 * np.sin(np.arange(600) / 30))
    onset = heard(drums(BACKBEAT, steps, 30))
    bpm, steadiness = beats.tempo(onset, None, (65, 150))
    grid = beats.grid(onset, NO_TONES, bpm, steadiness)
    true = np.concatenate(([0], np.cumsum(15 / steps)))[::4]
    assert misses(true[true < 26], grid.beats).max() < 0.04


@pytest.mark.parametrize("wav", [np.zeros((1, 12 * RATE)), 0.2 * rng("noise").standard_normal((1, 12 * RATE)),
                                 0.5 * np.sin(2 * np.pi * 55 * np.arange(12 * RATE) / RATE)[None],
                                 drums(BACKBEAT, 90, 3)], ids=["silence", "noise", "tone", "too short"])  # fmt: skip
def test_what_does_not_repeat_has_no_beat(wav: np.ndarray) -> None:
    onset = heard(wav.astype(np.float32))
    bpm, steadiness = beats.tempo(onset, 120.0, (65, 150))
    grid = beats.grid(onset, NO_TONES, bpm, steadiness)
    assert bpm is None and grid.bpm is None and len(grid.beats) == len(grid.downbeats) == 0


@pytest.mark.parametrize("late", [0.0, 0.15, 0.3])
def test_swing_is_how_late_odd_sixteenths_come(late: float) -> None:
    shuffled = {**BACKBEAT, "hat": (0, 2, 3, 4, 6, 8, 10, 11, 12, 14)}
    onset = heard(drums(shuffled, 90, 20, swing=late))
    assert beats.swing([onset.all], beats.eighths(onset, 90)) == pytest.approx(late, abs=0.04)


def test_no_swing_where_no_odd_sixteenth_is_played() -> None:
    onset = heard(drums({"kick": (0, 10), "snare": (4, 12), "hat": (0, 4, 8, 12)}, 90, 20))
    assert beats.swing([onset.all], beats.eighths(onset, 90)) is None


def test_hits_are_counted() -> None:
    onset = heard(drums({"hat": (0, 4, 8, 12)}, 120, 10, 0.1))
    assert beats.count(onset.all) == pytest.approx(20, abs=1)
    assert beats.density(onset, 60.0) == pytest.approx(2.0, abs=0.1)
    assert len(beats.cut(onset, slice(0, 100)).high) == 100
