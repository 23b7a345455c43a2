from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.clips import Clip
from lowend.metrics import adherence, bootstrap, fad
from lowend.training import data, schedule

RATE = 32000


def test_fad_is_the_closed_form_for_gaussians() -> None:
    """Diagonal Gaussians: |m1 - m2|^2 + sum (s1 - s2)^2, here of the samples' own moments."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((50_000, 3)) * [1, 2, 0.5]
    b = rng.standard_normal((50_000, 3)) * [2, 2, 1.5] + [1, 0, -2]
    assert fad.distance(a, b) == pytest.approx(1 + 4 + 1 + 0 + 1, rel=0.03)
    assert fad.distance(a, a) == pytest.approx(0, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 5, allow_subnormal=False))
def test_fad_grows_with_the_shift_and_says_so(shift: float) -> None:
    rng = np.random.default_rng(1)
    real = rng.standard_normal((200, 4))
    near = [rng.standard_normal((5, 4)) for _ in range(12)]
    far = [clip + shift + 1 for clip in near]
    change = fad.change(real, far, near, 100, "x")
    assert 0 < change.low <= change.value <= change.high
    found = fad.score(real, near, 100, "x")
    assert found.n == 12 and found.low <= found.high


def test_fad_refuses_too_few_windows() -> None:
    real = np.random.default_rng(0).standard_normal((100, 16))
    with pytest.raises(ValueError, match=r"needs at least 32 clips windows of 16 dimensions, got 8"):
        fad.score(real, [real[:4], real[4:8]], 100, "x")


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for n in range(100):
        found = bootstrap.mean(rng.standard_normal(40) + 3, 300, f"cover/{n}")
        hits += found.low <= 3 <= found.high
    assert 85 <= hits <= 100
    assert bootstrap.mean([1.0, 2.0], 100, "a") == bootstrap.mean([1.0, 2.0], 100, "a")
    with pytest.raises(ValueError, match="nothing to resample"):
        bootstrap.mean([], 100, "empty")


def clip(bpm: float | None = 140.0, key: str = "F minor") -> Clip:
    return Clip("0.flac", "", "dubstep", bpm, key, 0)


def test_low_share_follows_the_spectrum() -> None:
    t = np.arange(3 * RATE) / RATE
    low, high = (np.sin(2 * np.pi * hz * t).astype(np.float32)[None] for hz in (60, 3000))
    assert adherence.low_share(low, RATE) > 0.99 and adherence.low_share(high, RATE) < 0.01
    assert adherence.low_share(low + high, RATE) == pytest.approx(0.5, abs=0.02)
    assert adherence.low_share(np.zeros((1, RATE), np.float32), RATE) == 0


def test_silence_is_counted_and_wrong_not_dropped() -> None:
    found = adherence.judge(clip(), np.zeros((1, 2 * RATE), np.float32), RATE, "librosa")
    assert found.is_silent
    right = adherence.Adherence(140.0, "F minor", 0.0, True, 0, True, 0.5, False)
    summary = adherence.summarise([found, right], 100, "x")
    assert summary["silent_clips"] == 1 and summary["tempo_right"] == 0.5 and summary["key_right"] == 0.5


def rows(count: int, kind: str) -> list[data.Tokens]:
    codes = np.arange(4 * 80, dtype=np.int16).reshape(4, 80)
    return [data.Tokens(f"{kind}{n}", codes, "a b c d e f") for n in range(count)]


def sampler(share: float, own: int = 7, cfg: float = 0.0, words: float = 0.0) -> data.Sampler:
    return data.Sampler(rows(own, "own"), rows(5, "replay"), share, 4, 50, cfg, words, "0/key")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_the_replay_share_is_exact(share: float) -> None:
    ids = [i for n in range(25) for i in sampler(share).at(n).track_ids]
    assert sum(i.startswith("replay") for i in ids) == round(100 * share)


def test_an_epoch_visits_everything_once_and_batches_depend_on_their_number_alone() -> None:
    made = sampler(0.0)
    ids = [i for n in range(7) for i in made.at(n).track_ids]
    for epoch in range(4):
        assert len(set(ids[7 * epoch : 7 * epoch + 7])) == 7
    again = sampler(0.0).at(5)
    assert again.track_ids == made.at(5).track_ids and np.array_equal(again.codes, made.at(5).codes)
    assert made.at(5).codes.shape == (4, 4, 50)


def test_dropouts_have_their_rates() -> None:
    batches = [sampler(0.0, cfg=0.3).at(n) for n in range(400)]
    dropped = [all(t is None for t in b.texts) for b in batches]
    assert 0.22 < np.mean(dropped) < 0.38
    assert all(len({t is None for t in b.texts}) == 1 for b in batches), "the whole condition set is dropped together"
    words = [len((t or "").split()) for n in range(200) for t in sampler(0.0, words=0.3).at(n).texts]
    assert np.mean(words) == pytest.approx(6 * 0.7, abs=0.2)


def test_windows_tile_without_overlap() -> None:
    made = data.windows(rows(1, "x"), 30)
    assert [int(w.codes[0, 0]) for w in made] == [0, 30]


def test_schedule() -> None:
    assert [round(schedule.lr_factor(s, 10, 4), 3) for s in (0, 3, 4, 7, 10)] == [0.25, 1.0, 1.0, 0.5, 0.0]
    assert schedule.ema_decay(1, 0.999) == pytest.approx(2 / 11) and schedule.ema_decay(10**6, 0.999) == 0.999
