"""Keys and tempi as text and numbers, and the backends that hear them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend.audio import analysis
from lowend.audio.analysis import NOTES, key_distance, key_name, tempo_error
from lowend.errors import UserError
from lowend.synth import song as synth

KEYS = [f"{note} {mode}" for note in NOTES for mode in ("major", "minor")]
SHARPS = {"Eb": "D#", "Ab": "G#", "Bb": "A#", "C#": "Db", "F#": "Gb"}
FORMS = [(" {n}  {m} ", *m) for m in (("major", "minor"), ("Major", "MIN"), ("Maj", "min"), ("", "m"))] + [
    ("{n}{m}", "maj", "min"), ("{n}{m}", "", "m"),
]  # fmt: skip
BPM = st.floats(30, 300, allow_subnormal=False)


@given(
    st.sampled_from(KEYS),
    st.booleans(),
    st.sampled_from(FORMS),
    st.booleans(),
    st.booleans(),
)
def test_every_spelling_of_a_key_is_one(
    key: str, respelled: bool, form: tuple[str, str, str], signs: bool, lower: bool
) -> None:
    note, mode = key.split()
    note = SHARPS.get(note, note) if respelled else note
    note = note.replace("#", "♯").replace("b", "♭") if signs else note
    note = note.lower() if lower else note
    text = form[0].format(n=note, m=form[1 + (mode == "minor")])
    assert key_name(text) == key
    assert key_name(key) == key


@pytest.mark.parametrize(
    "text", ["8A", "?", "dubstep", "H minor", "C dorian", "B flat minor", "A sharp", "A minor (8A)", "E note", "Gmin7",
             "o", ""],
)  # fmt: skip
def test_what_is_no_key_is_left_as_it_is(text: str) -> None:
    """A wrong key in a caption is worse than none: `B flat minor` must not become B major."""
    assert key_name(text) == text


@given(BPM, BPM, st.integers(-3, 3))
def test_a_tempo_error_knows_no_octaves_and_no_direction(bpm: float, truth: float, octaves: int) -> None:
    error = tempo_error(bpm, truth)
    assert 0 <= error <= 2**0.5 - 1 + 1e-9
    assert tempo_error(bpm * 2.0**octaves, truth) == pytest.approx(error, abs=1e-9)
    assert tempo_error(truth, bpm) == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize(
    ("bpm", "truth", "error"),
    [(140, 140, 0), (70, 140, 0), (143.5, 140, 0.025), (136.6, 140, 0.025), (150, 100, 1 / 3)],
)
def test_a_tempo_error_is_relative(bpm: float, truth: float, error: float) -> None:
    assert tempo_error(bpm, truth) == pytest.approx(error, abs=1e-3)


def test_key_distances_are_those_of_the_circle_of_fifths() -> None:
    circle = ["C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F"]
    relative = ["A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F", "C", "G", "D"]
    for (i, a), (j, b) in itertools.product(enumerate(circle), repeat=2):
        steps = min(abs(i - j), 12 - abs(i - j))
        assert key_distance(f"{a} major", f"{b} major") == steps
        assert key_distance(f"{relative[i]} minor", f"{b} major") == steps
        assert key_distance(f"{b} major", f"{relative[i]} minor") == steps
        assert key_distance(f"{relative[i]} minor", f"{relative[j]} minor") == steps


@pytest.mark.parametrize("text", ["", "noise", "C", "H minor", "C major 7"])
def test_no_distance_to_what_is_no_key(text: str) -> None:
    assert key_distance(text, "C major") is None and key_distance("C major", text) is None


def test_librosa_finds_a_scale_and_a_pulse() -> None:
    rate, beat_s = 22050, 0.5
    t = np.arange(16 * rate) / rate
    scale = [220 * 2 ** (n / 12) for n in (0, 3, 7, 0, 2, 3, 7, 0)]  # A minor
    wave = np.select([(t // beat_s).astype(int) % 8 == i for i in range(8)], [np.sin(2 * np.pi * f * t) for f in scale])
    wav = (0.5 * wave * np.exp(-6 * (t % beat_s))).astype(np.float32)[None]
    found = analysis.backend("librosa")(np.repeat(wav, 2, 0), rate)
    assert found.bpm is not None and tempo_error(found.bpm, 120) < 0.04
    assert found.key == "A minor" and found.key_confidence > 0.5


@pytest.mark.parametrize("name", analysis.BACKENDS)
def test_both_backends_hear_a_known_song(name: str) -> None:
    pytest.importorskip("essentia") if name == "essentia" else None
    song = synth.song(9004, "boom bap", 1, 20.0)
    found = analysis.backend(name)(song.mix, synth.SAMPLE_RATE)
    assert found.bpm and analysis.tempo_error(found.bpm, float(song.info["bpm"])) < 0.04
    distance = analysis.key_distance(found.key, str(song.info["key"]))
    assert distance is not None and distance <= 1
    assert 0 < found.key_confidence <= 1


def test_a_missing_backend_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="make recipe NAME=spark"):
        analysis.backend("essentia")
    with pytest.raises(UserError, match="must be one of essentia, librosa"):
        analysis.backend("ear")
