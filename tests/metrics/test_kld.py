"""Divergence of tags: its closed form, its direction, and a tagger that is not here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio.io import Wave
from lowend.metrics import kld
from lowend.metrics.absent import Absent
from lowend.synth import song as synth

TAGS = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(np.array)


def test_two_coins_by_hand() -> None:
    found = kld.divergence(np.array([0.5, 0.9]), np.array([0.25, 0.9]))
    assert found == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75))


@settings(max_examples=50, deadline=None)
@given(TAGS, TAGS)
def test_it_is_never_negative_nothing_for_equals_and_always_a_number(p: np.ndarray, q: np.ndarray) -> None:
    assert kld.divergence(p, p) == 0
    assert -1e-12 <= kld.divergence(p, q) < 3 * 14


def test_a_clip_that_lacks_what_real_music_has_costs_more_than_one_that_has_more() -> None:
    real, without, beside = np.array([0.9, 0.1]), np.array([0.01, 0.1]), np.array([0.9, 0.5])
    assert kld.divergence(real, without) > 3 * kld.divergence(real, beside)
    assert kld.divergence(real, without) > kld.divergence(without, real)


def test_clips_are_held_against_the_mean_of_real_tracks() -> None:
    real = [np.array([0.2, 0.4]), np.array([0.4, 0.8])]
    assert kld.score(real, [np.array([0.3, 0.6])] * 3, 50, "x") == {"kld": 0, "kld_low": 0, "kld_high": 0}
    found = kld.score(real, [np.array([0.3, 0.6]), np.array([0.3, 0.1])], 200, "x")
    assert found["kld_low"] == 0 < found["kld"] < found["kld_high"]


def test_musicnn_hears_that_noise_is_not_music() -> None:
    tagger = kld.TAGGERS["musicnn"]("")

    def heard(song: int) -> Wave:
        return synth.song(9301, "trap", song, 6.0).mix[:, : 4 * synth.SAMPLE_RATE]

    real = [tagger(heard(n), synth.SAMPLE_RATE) for n in range(3)]
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 4 * synth.SAMPLE_RATE)).astype(np.float32)
    found = [kld.divergence(np.mean(real, axis=0), tagger(wav, synth.SAMPLE_RATE)) for wav in (heard(4), noise)]
    assert real[0].shape == (50,) and found[1] > 3 * found[0]


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        (
            "hear21passt",
            "",
            "hear21passt is not installed: run `pip install hear21passt.*`evaluate.kld: musicnn`",
        ),
        (
            "ast",
            "",
            r"needs `evaluate.kld_weights`.*MIT/ast-finetuned.*@<commit>; or set `evaluate.kld",
        ),
        ("ast", "MIT/ast", "`evaluate.kld_weights` must be a folder, or a hub repository with its commit"),
    ],
)
def test_a_tagger_that_is_not_here_says_what_it_needs(name: str, weights: str, message: str) -> None:
    with pytest.raises(Absent, match=message):
        kld.TAGGERS[name](weights)
