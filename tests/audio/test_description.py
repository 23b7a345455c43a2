"""A track is described whole: what its parts say, whether its halves agree, and as plain values."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from rhythm import BACKBEAT, RATE, drums

from lowend.audio import analysis, description
from lowend.audio.analysis import Analysis
from lowend.audio.description import Description
from lowend.synth import song as synth

SILENT = Analysis(None, "", 0.0)


def heard(wav: np.ndarray, said: Analysis = SILENT, **stems: np.ndarray) -> Description:
    return description.interpret(said, {"mix": wav, **stems}, RATE, "ear", (65, 150))


def chord(root: int, seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 440 * 2 ** ((root + n - 69) / 12) * t) for n in (-24, 0, 3, 7))
    return (0.08 * wave).astype(np.float32)[None]


@pytest.fixture(scope="module")
def dubstep() -> tuple[synth.Song, Description]:
    song = synth.song(9004, "dubstep", 2, 24.0)
    views = {"mix": song.mix, "drums": song.stems["drums"], "bass": song.stems["bass"]}
    said = Analysis(70.0, str(song.info["key"]), 0.7)
    return song, description.interpret(said, views, synth.SAMPLE_RATE, "ear", (110, 160))


def test_a_dubstep_track_is_described_as_it_was_made(dubstep: tuple[synth.Song, Description]) -> None:
    song, found = dubstep
    bpm = float(song.info["bpm"])
    assert found.backend == "ear" and found.bpm == pytest.approx(bpm, rel=0.005)
    assert found.key == song.info["key"] and found.energy_level == "high"
    assert [s["name"] for s in found.sections] == [name for name, *_ in song.sections]
    for section, (_, start, _) in zip(found.sections, song.sections, strict=True):
        assert float(section["start"]) == pytest.approx(start, abs=120 / bpm)
    assert np.abs(np.array(found.downbeats) - 240 / bpm * np.arange(len(found.downbeats))).max() < 0.05
    rates = str(song.info["synthesis_type"]).split("wobble ")[1].removesuffix(" Hz").split("/")
    assert found.wobble_hz and min(abs(found.wobble_hz / float(r) - 1) for r in rates) < 0.1
    assert found.wobble_note in ("1/4", "1/8.", "1/4T", "1/8", "1/8T", "1/16")
    assert found.instruments == ["drums", "wobble bass"] and 2 <= len(found.chords) <= 8
    assert 0 < found.sub_bass_share < 0.5 and 500 < found.brightness_hz < 8000


def test_a_description_survives_json(dubstep: tuple[synth.Song, Description]) -> None:
    found = dubstep[1]
    text = json.dumps(dataclasses.asdict(found), allow_nan=False)
    assert Description(**json.loads(text)) == found


def test_a_mix_alone_is_described_too_but_no_wobble_is_claimed(dubstep: tuple[synth.Song, Description]) -> None:
    song, whole = dubstep
    found = description.interpret(SILENT, {"mix": song.mix}, synth.SAMPLE_RATE, "ear", (110, 160))
    assert found.bpm == pytest.approx(whole.bpm, rel=0.005) and found.wobble_hz is None and found.instruments == []
    assert [s["name"] for s in found.sections] == [s["name"] for s in whole.sections]


def test_a_tempo_that_changes_half_way_is_flagged() -> None:
    found = heard(np.concatenate([drums(BACKBEAT, 90, 16), drums(BACKBEAT, 112, 16)], 1))
    assert "tempo of the halves differs (90 and 112)" in found.flags


def test_a_key_that_changes_half_way_is_flagged() -> None:
    found = heard(np.concatenate([chord(57, 12), chord(60, 12)], 1) + drums(BACKBEAT, 90, 24))
    assert "key of the halves differs (A minor and C minor)" in found.flags


def test_a_backend_that_hears_another_tempo_is_named() -> None:
    wav = drums(BACKBEAT, 90, 16) + chord(57, 16)
    assert "the backend hears 120 BPM" in heard(wav, Analysis(120.0, "", 0.0)).flags
    assert heard(wav, Analysis(180.0, "", 0.0)).flags == [], "an octave is no other tempo"


def test_where_no_bar_repeats_no_tempo_is_claimed() -> None:
    found = heard(chord(57, 12), Analysis(75.0, "A minor", 0.5))
    assert found.bpm is None and found.beats == [] and "no steady beat" in found.flags


def test_instruments_are_the_stems_that_are_there() -> None:
    beat, bass = drums(BACKBEAT, 90, 12), chord(33, 12)
    found = heard(beat + bass, drums=beat, bass=bass, vocals=0.01 * beat)
    assert found.instruments == ["drums", "bass"]


@pytest.mark.parametrize("wav", [np.zeros((2, 12 * RATE), np.float32), np.ones((1, 1), np.float32)])
def test_silence_and_a_single_sample_are_described_as_nothing(wav: np.ndarray) -> None:
    found = heard(wav, drums=wav, bass=wav)
    assert (found.bpm, found.key, found.beats, found.sections, found.chords) == (None, "", [], [], [])
    assert found.energy_level == "low" and "no steady beat" in found.flags


@pytest.mark.parametrize("name", analysis.BACKENDS)
def test_both_backends_describe_a_track(name: str) -> None:
    pytest.importorskip("essentia") if name == "essentia" else None
    song = synth.song(9004, "trap", 1, 12.0)
    found = description.describe({"mix": song.mix}, synth.SAMPLE_RATE, name, (65, 150))
    assert found.backend == name and found.bpm == pytest.approx(float(song.info["bpm"]), rel=0.01)
