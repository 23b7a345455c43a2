"""MMD against its definition, and what its interval says of sets that are the same and that are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.metrics import mmd

Sets = list[np.ndarray]


def tracks(seed: int, count: int, windows: int, shift: float = 0.0) -> Sets:
    """Windows that are more alike within a track than between tracks, in six dimensions."""
    draw = np.random.default_rng(seed)
    return [draw.standard_normal(6) + shift + 0.4 * draw.standard_normal((windows, 6)) for _ in range(count)]


def by_definition(real: Sets, clips: Sets) -> float:
    """Mean kernel between different tracks, and between different clips, less twice that of one with the other."""

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sqrt(((a - b) ** 2).sum()))

    windows = [w for track in real for w in track]
    sigma = np.median([apart(a, b) for i, a in enumerate(windows) for b in windows[:i]])

    def mean(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
        return float(np.mean([np.exp(-(apart(a, b) ** 2) / (2 * sigma**2)) for a, b in pairs]))

    def inside(group: Sets) -> float:
        return mean([(a, b) for i, x in enumerate(group) for j, y in enumerate(group) if i != j for a in x for b in y])

    return inside(real) + inside(clips) - 2 * mean([(a, b) for x in real for a in x for y in clips for b in y])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.floats(0, 3))
def test_the_estimate_is_the_definition(seed: int, shift: float) -> None:
    real, clips = tracks(seed, 3, 4), tracks(seed + 1, 8, 3, shift)
    clips[2] = clips[2][:1]
    held = mmd.real(real)
    assert mmd.score(mmd.kernels(held, clips), 5, "x").value == pytest.approx(by_definition(real, clips), abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.integers(1, 5))
def test_a_resample_is_the_estimate_of_its_clips(seed: int, windows: int) -> None:
    """A clip that is drawn twice counts twice against all others, and never against itself."""
    held, clips = mmd.real(tracks(0, 4, 6)), tracks(seed, 9, windows)
    kernels = mmd.kernels(held, clips)
    assert kernels.squared(np.arange(8)) == pytest.approx(mmd.kernels(held, clips[:8]).squared(np.arange(8)))
    order = np.random.default_rng(seed).permutation(9)
    assert kernels.squared(order) == pytest.approx(kernels.squared(np.arange(9)))
    assert kernels.squared(np.repeat(order, 2)) == pytest.approx(kernels.squared(order))


def test_two_halves_of_one_set_are_at_zero_and_a_shifted_set_is_not() -> None:
    """The estimate is unbiased: over forty draws of the same music its mean lies within 3 standard errors of 0."""
    values, covered = [], 0
    for seed in range(40):
        both = tracks(seed, 40, 5)
        found = mmd.score(mmd.kernels(mmd.real(both[:20]), both[20:]), 200, str(seed))
        values.append(found.value)
        covered += found.low <= 0 <= found.high
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(40)
    assert min(values) < 0 < max(values) and covered >= 34
    away = mmd.score(mmd.kernels(mmd.real(tracks(0, 20, 5)), tracks(1, 20, 5, 1.0)), 200, "away")
    assert away.low > 0 and away.n == 20 and away.high < 2


def test_farther_is_more_and_changes_are_paired() -> None:
    held = mmd.real(tracks(0, 20, 5))
    sets = [mmd.kernels(held, tracks(1, 20, 5, shift)) for shift in (0.0, 0.5, 1.0, 4.0)]
    scores = [mmd.score(one, 100, "x").value for one in sets]
    assert scores == sorted(scores)
    change = mmd.change(sets[0], sets[2], 100, "x")
    assert change.value == pytest.approx(scores[0] - scores[2])
    assert change.low <= change.value <= change.high < 0, "closer to the real ones is below zero"
    assert mmd.change(sets[2], sets[0], 100, "x")[:3] == pytest.approx((-change.value, -change.high, -change.low))
    assert mmd.change(sets[1], sets[1], 50, "x")[:3] == (0, 0, 0)
    with pytest.raises(AssertionError, match="must answer the same prompts"):
        mmd.change(sets[0], mmd.kernels(held, tracks(1, 19, 5)), 50, "x")


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100))
def test_the_unit_of_the_embedding_does_not_matter(scale: float) -> None:
    """The bandwidth follows the real set, so that a louder embedding is not a farther one."""
    real, clips = tracks(0, 5, 4), tracks(1, 8, 4, 0.7)
    one = mmd.score(mmd.kernels(mmd.real(real), clips), 20, "x")
    held = mmd.real([scale * track + 3 for track in real])
    assert mmd.score(mmd.kernels(held, [scale * clip + 3 for clip in clips]), 20, "x")[:3] == pytest.approx(one[:3])


def test_what_cannot_be_measured_is_said() -> None:
    held = mmd.real(tracks(0, 2, 4))
    with pytest.raises(ValueError, match=r"at least 8 clips, got 7: raise generate\.clips"):
        mmd.kernels(held, tracks(1, 7, 4))
    with pytest.raises(ValueError, match=r"at least 2 held-out tracks, got 1: .*split\.valid"):
        mmd.real(tracks(0, 1, 50))
    with pytest.raises(ValueError, match="are they silent"):
        mmd.real([np.ones((3, 6))] * 2)


def test_a_large_real_set_takes_its_bandwidth_from_a_part() -> None:
    many = tracks(0, 300, 10)
    assert mmd.real(many).bandwidth == pytest.approx(mmd.real(many[:200]).bandwidth, rel=0.05)
