"""The kit's ear tells the wobbles of unseen songs apart, by their mixes, and hears none where there is none."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest

from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.models import wobbles
from lowend.synth import song as synth

RATE = synth.SAMPLE_RATE
TAGGER = kit.KIT / "tagger"


def drop(index: int, has_bass: bool = True) -> tuple[Wave, float, float]:
    """Eight seconds of an unseen drop [1, S], its tempo, and its song's rate."""
    song = synth.song(97_200, ("dubstep", "riddim", "brostep")[index % 3], index, 16.0)
    start = next(int(start * RATE) for name, start, _ in song.sections if name == "drop")
    mix = sum(wav for name, wav in song.stems.items() if has_bass or name != "bass").mean(0, keepdims=True)
    return mix[:, start : start + 8 * RATE].astype(np.float32), float(song.info["bpm"]), song.wobble_hz[0]


def test_the_rates_of_unseen_drops_are_told_apart_by_their_mixes() -> None:
    ear = wobbles.load(TAGGER)
    found, truth = [], []
    for index in range(15):
        wav, bpm, hz = drop(index)
        found.append(wobbles.rate_hz(ear, wav, RATE, bpm) or 0.0)
        truth.append(hz)
    near = np.abs(np.array(found)[:, None] / np.array(truth) - 1) <= 0.15
    assert near.diagonal().mean() >= 0.8 and near.mean() <= 0.5, (found, truth)


def test_a_drop_without_its_bass_does_not_wobble() -> None:
    ear = wobbles.load(TAGGER)
    bare = [drop(index, has_bass=False) for index in range(9)]
    assert np.mean([wobbles.rate_hz(ear, wav, RATE, bpm) is None for wav, bpm, _ in bare]) >= 0.7


def test_a_faster_song_wobbles_faster_and_a_quieter_or_halved_one_alike() -> None:
    ear = wobbles.load(TAGGER)
    wav, bpm, hz = drop(1)
    assert wobbles.rate_hz(ear, wav, RATE, bpm) == pytest.approx(hz, rel=0.01)
    assert wobbles.rate_hz(ear, wav / 30, RATE, bpm) == pytest.approx(hz, rel=0.01)
    assert wobbles.rate_hz(ear, wav, RATE, bpm / 2) == pytest.approx(hz, rel=0.01)
    faster = resample(wav, RATE, round(RATE / 1.1))
    assert wobbles.rate_hz(ear, faster, RATE, bpm * 1.1) == pytest.approx(hz * 1.1, rel=0.01)


@pytest.mark.parametrize("bpm", [120.0, 150.0])
def test_features_lie_on_a_grid_of_beats(bpm: float) -> None:
    time = np.arange(6 * RATE) / RATE
    clicks = (np.sin(2 * np.pi * 1000 * time) * (time * bpm / 60 % 1 < 0.1))[None].astype(np.float32)
    loudest = wobbles.features(clicks, RATE, bpm).max(0)
    turns = np.abs(np.fft.rfft(loudest[: 8 * wobbles.BEAT] - loudest[: 8 * wobbles.BEAT].mean()))
    assert int(turns.argmax()) == 8, "a click each beat"


def test_there_is_nothing_to_tell_by_without_sound_or_four_beats() -> None:
    ear = wobbles.WobbleEar().eval()
    wav, bpm, _ = drop(0)
    assert wobbles.rate_hz(ear, wav * 0, RATE, bpm) is None
    assert wobbles.rate_hz(ear, wav[:, :RATE], RATE, bpm) is None


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"wobble\.safetensors is missing.*git restore"):
        wobbles.load(tmp_path)
