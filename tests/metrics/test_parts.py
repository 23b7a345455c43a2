"""The FAD of a part is worse where that part is wrong, and not where another one is."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest

from lowend.audio.io import Wave
from lowend.metrics import parts
from lowend.metrics.embedders import EMBEDDERS, Embedder
from lowend.synth import song as synth

RATE = 16_000
TIME = np.arange(3 * RATE) / RATE
NOWHERE = Path("nowhere")


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return EMBEDDERS["starter"](kit.KIT / "tagger")


def clips(seed: int, octave: float = 1.0, wobble_hz: float = 2.0, hats_hz: float = 4.0) -> list[tuple[Wave, int]]:
    """Twenty clips of a wobbling bass of about 50 Hz under hats."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(20):
        bass = np.sin(2 * np.pi * octave * draw.uniform(45, 60) * TIME + draw.uniform(0, 6))
        level = 0.55 + 0.45 * np.sin(2 * np.pi * wobble_hz * TIME + draw.uniform(0, 6))
        hats = np.diff(draw.normal(0, 0.1, len(TIME) + 1)) * (TIME % (1 / hats_hz) < 0.03)
        found.append(((0.5 * bass * level + hats)[None].astype(np.float32), RATE))
    return found


def test_wrong_bass_is_far_in_the_low_band_and_wrong_hats_are_not(embedder: Embedder) -> None:
    real = parts.embed(clips(0), ["low"], embedder.embed, NOWHERE)
    background = {"low": np.concatenate(real["low"])}

    def heard(sounds: list[tuple[Wave, int]]) -> dict[str, list[np.ndarray]]:
        return parts.embed(sounds, ["low"], embedder.embed, NOWHERE)

    right = heard(clips(1))
    for wrong in (clips(1, octave=2), clips(1, wobble_hz=9)):
        change = parts.change(background, heard(wrong), right, 100, "x")
        assert change["low_fad_change_low"] > 0, "the whole interval says worse"
    hats = parts.change(background, heard(clips(1, hats_hz=16)), right, 100, "x")
    octave = parts.change(background, heard(clips(1, octave=2)), right, 100, "x")
    assert abs(hats["low_fad_change"]) < 0.1 * octave["low_fad_change"]
    found = parts.score(background, right, 100, "x")
    assert set(found) == {"low_fad", "low_fad_low", "low_fad_high"}


def test_too_few_windows_of_a_part_are_refused(embedder: Embedder) -> None:
    found = parts.embed(clips(0)[:5], ["low"], embedder.embed, NOWHERE)
    with pytest.raises(ValueError, match="at least 32 windows of held-out tracks, got 10"):
        parts.score({"low": np.concatenate(found["low"])}, found, 100, "x")


def songs(first: int, drums: float = 1.0) -> list[tuple[Wave, int]]:
    """Three seconds of seventeen songs, with the drums at a level."""
    made = [synth.song(0, "dubstep", first + n, 8.0) for n in range(17)]
    cut = slice(2 * synth.SAMPLE_RATE, 5 * synth.SAMPLE_RATE)
    return [((one.mix + (drums - 1) * one.stems["drums"])[:, cut], synth.SAMPLE_RATE) for one in made]


def test_stems_are_cut_by_the_starters_separator(embedder: Embedder) -> None:
    wanted, separator = ["drums", "bass"], kit.KIT / "separator"
    real = parts.embed(songs(0), wanted, embedder.embed, separator)
    background = {part: np.concatenate(windows) for part, windows in real.items()}
    right, wrong = (parts.embed(songs(17, level), wanted, embedder.embed, separator) for level in (1.0, 0.0))
    change = parts.change(background, wrong, right, 100, "x")
    assert change["drums_fad_change_low"] > 0
    assert abs(change["bass_fad_change"]) < 0.3 * change["drums_fad_change"]
