"""Embedders on music: the more noise, the farther; and the tags that one of them hears."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest

from lowend.audio.io import Wave
from lowend.metrics import fad, genre, mmd
from lowend.metrics.embedders import EMBEDDERS, Embedder, Embeddings
from lowend.synth import song as synth

RATE = synth.SAMPLE_RATE
DB = (-40, -20, 0)


@pytest.fixture(scope="module")
def songs() -> list[Wave]:
    """Twelve clips of four seconds, of two sub-genres."""
    return [synth.song(9101, ("trap", "dubstep")[n % 2], n, 6.0).mix[:, : 4 * RATE] for n in range(12)]


@pytest.fixture(scope="module", params=["starter", "musicnn"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return EMBEDDERS[request.param](kit.KIT / "tagger")


def noisy(songs: list[Wave], level_db: float) -> list[Wave]:
    """Songs with white noise at a level below their own."""
    draw = np.random.default_rng(3)
    gain = 10 ** (level_db / 20)
    return [wav + (gain * wav.std() * draw.standard_normal(wav.shape)).astype(np.float32) for wav in songs]


def embedded(embedder: Embedder, songs: list[Wave]) -> list[Embeddings]:
    return [embedder.embed(wav, RATE) for wav in songs]


def test_noise_takes_music_away_step_by_step(embedder: Embedder, songs: list[Wave]) -> None:
    real = embedded(embedder, songs[:4])
    sets = [embedded(embedder, noisy(songs[4:], db)) for db in DB]
    held = mmd.real(real)
    found = [mmd.score(mmd.kernels(held, one), 50, "x").value for one in sets]
    assert found == sorted(found) and found[2] - found[0] > 0.1
    # FAD of so few windows is no figure for a report in 200 dimensions, but its order holds.
    measure = fad.distance_to(np.concatenate(real))
    distances = [measure(one) for one in sets]
    assert distances == sorted(distances) and distances[2] > 2 * distances[0]


def test_a_clip_has_a_window_a_second(embedder: Embedder, songs: list[Wave]) -> None:
    found = embedder.embed(songs[0], RATE)
    assert found.shape == {32: (3, 16), 500: (2, 200)}[embedder.least_windows]


def test_tags_are_means_over_clips_with_intervals(songs: list[Wave]) -> None:
    tagger = EMBEDDERS["musicnn"](Path("nowhere"))
    found = genre.tags(tagger, embedded(tagger, songs[:4]), 100, "x")
    assert set(found) == {f"musicnn_{tag}{end}" for tag in ("hip_hop", "electronic") for end in ("", "_low", "_high")}
    assert 0 < found["musicnn_electronic_low"] < found["musicnn_electronic"] < found["musicnn_electronic_high"] < 1
    starter = EMBEDDERS["starter"](kit.KIT / "tagger")
    assert genre.tags(starter, embedded(starter, songs[:2]), 100, "x") == {}
