"""Keys, chords and voicings as music theory has them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend.audio.analysis import key_name
from lowend.synth.harmony import NOTES, PROGRESSIONS, STATIC, Key, chord_name, draw_keys, low, voicing

KEYS = st.builds(Key, st.integers(0, 11), st.sampled_from(["minor", "major"]))


@pytest.mark.parametrize(
    ("key", "degrees", "names"),
    [
        (Key(9, "minor"), range(7), "Am Bm C Dm Em F G"),
        (Key(0, "major"), range(6), "C Dm Em F G Am"),
        (Key(10, "minor"), (0, 5, 2, 6), "Bbm F# C# Ab"),
    ],
)
def test_triads_of_a_key(key: Key, degrees: range, names: str) -> None:
    assert " ".join(chord_name(key, d) for d in degrees) == names


@given(KEYS, st.integers(0, 6), st.booleans())
def test_a_voicing_holds_the_chord_and_nothing_else(key: Key, degree: int, sevenths: bool) -> None:
    notes = voicing(key, degree, sevenths)
    wanted = {key.note(degree + n) % 12 for n in ((0, 2, 4, 6) if sevenths else (0, 2, 4))}
    assert {note % 12 for note in notes} == wanted and len(notes) == len(wanted)
    assert notes == sorted(notes) and notes[0] >= 55 and notes[-1] <= 66


@given(KEYS, st.integers(-10, 10))
def test_every_melody_note_lies_in_the_key(key: Key, index: int) -> None:
    scale = {key.note(d) % 12 for d in range(7)}
    assert key.pentatonic(index) % 12 in scale
    assert key.pentatonic(index + 1) - key.pentatonic(index) in (2, 3)
    assert key.pentatonic(0) % 12 == key.tonic and key_name(key.name) == key.name


@given(st.integers(0, 120))
def test_the_bass_stays_in_its_octave(note: int) -> None:
    assert 28 <= low(note) <= 39 and low(note) % 12 == note % 12


def test_progressions_begin_on_the_tonic_and_hold_no_diminished_triad() -> None:
    tables = (("minor", PROGRESSIONS["minor"]), ("minor", STATIC), ("major", PROGRESSIONS["major"]))
    kinds = [(mode, loop, p) for mode, table in tables for loop, options in table.items() for p in options]
    for (mode, loop, progression), tonic in itertools.product(kinds, range(12)):
        key = Key(tonic, mode)
        assert progression[0] == 0 and len(progression) == loop
        assert all(key.note(d + 4) - key.note(d) == 7 for d in progression), "a perfect fifth on every root"


def test_keys_that_are_drawn_differ_and_follow_the_share() -> None:
    draws = [draw_keys(np.random.default_rng(n), 0.8, 3) for n in range(300)]
    assert all(len({key.tonic for key in keys}) == 3 for keys in draws)
    assert {key.tonic for keys in draws for key in keys} == set(range(len(NOTES)))
    assert np.mean([key.mode == "minor" for keys in draws for key in keys]) == pytest.approx(0.8, abs=0.05)
