"""Keys and chords of progressions whose notes are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import bands, chords
from lowend.audio.analysis import NOTES
from lowend.audio.bands import Tones
from lowend.audio.beats import Grid
from lowend.seeds import rng

RATE = 8000
BAR_S = 1.5
NO_BEAT = Grid(None, np.zeros(0), np.zeros(0), 0.0)


def play(progression: list[tuple[int, bool]], root: int, bars: int) -> tuple[Tones, Grid]:
    """Triads (semitones above the root, whether minor) over their bass, one a bar, the progression repeated."""
    parts, t = [], np.arange(int(BAR_S * RATE)) / RATE
    for bar in range(bars):
        above, minor = progression[bar % len(progression)]
        notes = [60 + (root + above + third) % 12 for third in (0, 3 if minor else 4, 7)] + [36 + (root + above) % 12]
        wave = sum(np.sin(2 * np.pi * 440 * 2 ** ((n - 69) / 12) * t) for n in notes)
        parts.append(0.2 * wave * np.minimum(1, 40 * t))
    wav = np.concatenate(parts).astype(np.float32)[None]
    downbeats = np.arange(bars) * BAR_S
    return bands.tones(wav, wav, RATE), Grid(160.0, downbeats, downbeats, 1.0)


MINOR_LOOPS = [[(0, True), (8, False), (3, False), (10, False)], [(0, True), (5, True), (8, False), (7, True)]]
MAJOR_LOOPS = [[(0, False), (5, False), (7, False), (0, False)], [(0, False), (9, True), (5, False), (7, False)]]


@settings(max_examples=24, deadline=None)
@given(st.integers(0, 11), st.booleans(), st.integers(0, 1))
def test_the_key_is_that_of_the_chord_a_loop_begins_with(root: int, minor: bool, which: int) -> None:
    loop = (MINOR_LOOPS if minor else MAJOR_LOOPS)[which]
    key, confidence = chords.key(*play(loop, root, 8), "")
    assert key == f"{NOTES[root]} {'minor' if minor else 'major'}" and confidence > 0


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 11), st.integers(8, 13))
def test_a_loop_is_named_once(root: int, bars: int) -> None:
    names = [NOTES[(root + n) % 12] + "m" * minor for n, minor in MINOR_LOOPS[0]]
    assert chords.chords(*play(MINOR_LOOPS[0], root, bars)) == names


def test_a_chord_that_is_held_is_one_and_at_most_eight_are_named() -> None:
    assert chords.chords(*play([(0, True)], 4, 8)) == ["Em"]
    walk = [(n * 5 % 12, False) for n in range(12)]
    assert chords.chords(*play(walk, 0, 12)) == [NOTES[n] for n, _ in walk[:8]]


def test_no_chords_without_bars() -> None:
    tones, _ = play(MINOR_LOOPS[0], 0, 8)
    assert chords.chords(tones, NO_BEAT) == []
    assert chords.key(tones, NO_BEAT, "C minor")[0] == "C minor", "a key needs no bars"


@pytest.mark.parametrize("level", [0.0, 0.2], ids=["silence", "noise"])
def test_what_has_no_pitch_has_no_sure_key(level: float) -> None:
    wav = (level * rng("hiss").standard_normal((1, 12 * RATE))).astype(np.float32)
    assert chords.key(bands.tones(wav, wav, RATE), NO_BEAT, "")[1] == 0
    assert level or chords.key(bands.tones(wav, wav, RATE), NO_BEAT, "") == ("", 0.0)
