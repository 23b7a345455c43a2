"""What the starter's language model and its ear for wobbles are trained on."""

from __future__ import annotations

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import librosa
import numpy as np
import pytest
import torch

from lowend import captions, kit
from lowend.note_values import WOBBLES
from lowend.tracks import Track

BUILD = Path(__file__).resolve().parents[1] / "starter/build"
BAR = 32
SONG = torch.arange(5 * BAR + 7).expand(4, -1)


def script(name: str) -> ModuleType:
    """A script of starter/build, which finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(BUILD))
    try:
        spec = importlib.util.spec_from_file_location(f"starter_build_{name}", BUILD / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BUILD))
        for neighbour in ("common", "wording"):
            sys.modules.pop(neighbour, None)
    return module


@pytest.fixture(scope="module")
def build() -> ModuleType:
    return script("musicgen")


def test_every_frame_is_counted_from_the_beginning_of_its_bar(build: ModuleType) -> None:
    counted = build.places([16, BAR, 84], 100)
    assert counted[0].tolist() == [n % 16 for n in range(100)]
    assert counted[1].tolist() == [n // 2 % 16 for n in range(100)]
    slow = counted[2].tolist()
    assert slow[0] == slow[84] == 0 and slow[83] == 15 and set(slow) == set(range(16))
    assert all(b - a in (0, 1) for a, b in pairwise(slow[:84]))


@pytest.mark.parametrize("loop", [0, BAR, 2 * BAR])
def test_sequences_begin_with_a_bar_and_loops_come_again(build: ModuleType, loop: int) -> None:
    for n in range(10):
        found, moves = build.crop(SONG, SONG[0], BAR, 3 * BAR, loop, 0.0, np.random.default_rng(n))
        assert torch.equal(moves, found[0]), "what the bass does goes with its codes"
        assert found.shape == (4, 3 * BAR) and int(found[0, 0]) % BAR == 0
        first = loop or 3 * BAR
        assert torch.equal(found[:, :first] - found[:, :1], torch.arange(first).expand(4, -1))
        assert torch.equal(found[:, first:], found[:, : 3 * BAR - first])


def test_of_a_loop_only_what_comes_again_is_learnt_and_most_its_beginning(build: ModuleType) -> None:
    assert build.weights_of(0, 5, 30.0).tolist() == [1] * 5
    assert build.weights_of(4, 10, 30.0).tolist() == [0] * 4 + [30] * 3 + [1] + [30] * 2


def test_paraphrases_name_a_wobble_only_where_there_is_one() -> None:
    wording = script("wording")
    steady, wobbling = (
        [wording.paraphrase(track_of(style), np.random.default_rng(n)) for n in range(60)]
        for style in ("house", "riddim")
    )
    note = captions.load_template(BUILD.parents[1] / captions.TEMPLATE).wobbles["1/8T"]
    assert not any("{" in text or " wobble in" in text or "wobbles in" in text for text in steady)
    assert 0 < sum(note in text for text in wobbling) < 60


def track_of(style: str) -> Track:
    known = {"wobble_hz": 7.0, "genre": "dubstep"} if style == "riddim" else {"genre": "other"}
    return Track("1", "x", sub_genre=style, bpm=140.0, key="F minor", instruments="drums, bass", **known)


def test_the_ear_learns_the_songs_rate_and_none_without_a_bass() -> None:
    wobble = script("wobble")
    drawn = [wobble.draw(index) for index in range(800)]
    wobbles_at = [has_bass and style in wobble.WOBBLING for style, has_bass in drawn]
    assert np.mean(wobbles_at) == 0.75 and {style for style, _ in drawn} == set(wobble.synth.STYLES)
    models = kit.unpack(BUILD.parents[1] / "starter/kit/musicgen")
    brostep, bassless, other = (
        drawn.index(("brostep", True)),
        drawn.index(("brostep", False)),
        drawn.index(("trap", True)),
    )
    _, label, style = wobble.hear(brostep, 6, models)
    song = wobble.synth.song(6, "brostep", brostep, wobble.SONG_S)
    assert style == "brostep" and len(song.wobble_hz) == 2, "a song that has two"
    assert wobble.wobbles.TURNS[label] * 4 / song.bar_s == pytest.approx(song.wobble_hz[0], rel=1e-3)
    steady = [wobble.hear(index, 6, models)[1] for index in (bassless, other)]
    assert steady == [wobble.wobbles.STEADY] * 2


def test_the_ear_meets_every_rate_equally_often() -> None:
    wobble = script("wobble")
    labels = np.array([3] * 900 + [0] * 90 + [5] * 10)
    met = labels[wobble.chosen(labels, 3000, np.random.default_rng(0))]
    assert [np.mean(met == label) for label in (0, 3, 5)] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_the_ear_hears_a_passage_clean_decoded_and_retold_by_the_model() -> None:
    wobble = script("wobble")
    models = kit.unpack(BUILD.parents[1] / "starter/kit/musicgen")
    song = wobble.synth.song(7, "dubstep", 0, 12.0)
    mix = sum(song.stems.values()).mean(0, keepdims=True).astype(np.float32)
    wav = mix[:, 6 * wobble.synth.SAMPLE_RATE : 8 * wobble.synth.SAMPLE_RATE]
    clean, decoded, told = wobble.versions(wav, "dubstep with wobble bass", models, 5)
    assert clean.shape == decoded.shape == told.shape == wav.shape
    assert np.corrcoef(clean[0], wav[0])[0, 1] == pytest.approx(1), "at another loudness"
    assert spectral_distance(clean, decoded) < 0.9 * spectral_distance(clean, told)
    assert np.array_equal(told, wobble.versions(wav, "dubstep with wobble bass", models, 5)[2])


def spectral_distance(a: np.ndarray, b: np.ndarray) -> float:
    logs = [np.log(np.abs(librosa.stft(wav[0], n_fft=1024)) + 1e-2) for wav in (a, b)]
    return float(np.abs(logs[0] - logs[1]).mean())


def test_a_sequence_goes_round_a_passage_at_about_its_tempo() -> None:
    wobble = script("wobble")
    passage = np.tile(np.sin(2 * np.pi * np.arange(240) / 24), (3, 1)).astype(np.float32)
    for n in range(10):
        found = wobble.sequence(passage, np.random.default_rng(n))
        assert found.shape == (3, wobble.BEATS * 24)
        turns = np.abs(np.fft.rfft(found[0])).argmax()
        assert abs(turns - wobble.BEATS) <= 1


def test_the_corpus_knows_rate_and_phase_of_every_frame_of_a_wobble() -> None:
    tokens = script("tokens")
    beat_s = 0.43
    event = tokens.Event("bass", 1.0, 2.0, 0.8, 40, 0.0, 2.0 / beat_s, "sine")
    found = tokens.wobble([event, tokens.Event("bass", 3.2, 0.5, 0.8, 40)], 4 * beat_s, 0.5, 200)
    assert not found[:25].any() and not found[125:].any()
    rate, phase = np.divmod(found[25:125] - 1, tokens.PHASES)
    assert set(rate) == {list(WOBBLES).index("1/8")} and phase[0] == 0
    turns = np.arange(100) / 50 * 2 / beat_s
    assert (phase == turns % 1 * tokens.PHASES // 1).all()


def test_the_corpus_shows_a_first_drop_from_its_first_frame_to_its_last() -> None:
    first_drop = script("tokens").first_drop
    sections = (("intro", 0.0, 2.0), ("buildup", 2.0, 4.0), ("drop", 4.0, 12.0), ("drop", 14.0, 16.0))
    assert first_drop(sections, 2.0) == slice(100, 500)
    assert np.zeros(900)[first_drop(sections[:2], 2.0)].size == 0
