"""What is said of a take is true of it: tempo, key, chords and times follow, and nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import captions, takes
from lowend.audio.analysis import NOTES
from lowend.takes import Change
from lowend.tracks import Track


@given(st.sampled_from(NOTES), st.integers(-11, 11), st.sampled_from([" minor", " major", "m", ""]))
def test_keys_go_up_and_come_back(note: str, semitones: int, rest: str) -> None:
    there = takes.transposed(note + rest, semitones)
    assert takes.transposed(there, -semitones) == note + rest and there.endswith(rest)
    assert (NOTES.index(there.removesuffix(rest)) - NOTES.index(note)) % 12 == semitones % 12


def test_what_is_no_key_stays() -> None:
    assert [takes.transposed(text, 3) for text in ("", "N.C.", "atonal")] == ["", "N.C.", "atonal"]


def test_every_wording_of_a_caption_follows_the_take() -> None:
    template = captions.load_template()
    sections = [{"name": "drop", "start": 16.0, "end": 32.0}, {"name": "outro", "start": 32.0, "end": 40.0}]
    before = Track(
        "a", "a.wav", genre="hiphop", sub_genre="trap", bpm=140.0, key="A minor", chords="Am, F, C, G",
        instruments="808 bass", energy_level="high", duration=40.0, structure=json.dumps(sections), wobble_hz=2.0,
        downbeats="0.5 2.21",
    )  # fmt: skip
    after = takes.followed(before, Change(1.05, 2))
    assert (after.bpm, after.key, after.chords) == (pytest.approx(147), "B minor", "Bm, G, D, A")
    assert after.bars == pytest.approx([0.47619, 2.10476])
    assert after.wobble_hz == pytest.approx(2.1) and after.duration == pytest.approx(38.095, abs=1e-3)
    config = captions.CaptionConfig("essentia", ("plain", "musicbench", "timed"), 24, "", "")
    wordings = captions.variants(before, template, config, "x"), captions.variants(after, template, config, "x")
    assert len(wordings[0]) > 12
    for text, expected in zip(*wordings, strict=True):
        assert takes.told(text, before, after, template.section) == expected


def test_numbers_that_are_no_tempo_stay() -> None:
    before = Track("a", "a.wav", bpm=80.0, key="A minor")
    after = takes.followed(before, Change(1.05, 1))
    text = "808 bass from 80 to 800 Hz, 80 BPM, in A minor with A minority report"
    expected = "808 bass from 80 to 800 Hz, 84 BPM, in Bb minor with A minority report"
    assert takes.told(text, before, after, "") == expected
    assert takes.told("my own words", before, after, "") == "my own words"


def test_every_caption_is_retold_and_a_blend_says_both() -> None:
    track = Track("a", "a.wav", bpm=80.0, key="A minor", variants='["trap at 80 BPM", "in A minor."]')
    assert takes.retold(track, Change(1.05, 1), "") == ("trap at 84 BPM", "in Bb minor.")
    assert takes.retold(track, Change(), "") == ("trap at 80 BPM", "in A minor.")
    blended = takes.blended_text("trap at 140 BPM.", "riddim dubstep")
    assert blended == "trap at 140 BPM, blended with a little riddim dubstep"
