"""FAD against the closed form for Gaussians, correlated ones too."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.metrics import fad, moments


def closed_form(a: np.ndarray, b: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2) of the samples' own moments (Dowson & Landau, 1982)."""
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s1)
    cross = scipy.linalg.sqrtm(root @ s2 @ root)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * cross.real))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(2, 6))
def test_the_distance_is_the_closed_form(seed: int, size: int) -> None:
    draw = np.random.default_rng(seed)
    a, b = (
        draw.standard_normal((60, size)) @ draw.standard_normal((size, size)) + draw.standard_normal(size) for _ in "ab"
    )
    found = fad.distance(a, b)
    assert found == pytest.approx(closed_form(a, b), rel=1e-4, abs=1e-4)
    assert fad.distance(b, a) == pytest.approx(found, rel=1e-4, abs=1e-4)
    assert fad.distance(a + 7, b + 7) == pytest.approx(found, rel=1e-4, abs=1e-4)


def test_a_shift_counts_its_square_and_a_stretch_its_share_of_the_variance() -> None:
    a = np.random.default_rng(0).standard_normal((100, 3)) * [1, 2, 0.5]
    assert fad.distance(a, a + np.array([3, 0, 4])) == pytest.approx(25, abs=1e-6)
    assert fad.distance(a, a[::-1]) == pytest.approx(0, abs=1e-6)
    wider = 3 * (a - a.mean(0)) + a.mean(0)
    assert fad.distance(a, wider) == pytest.approx(4 * np.cov(a, rowvar=False).trace(), abs=1e-6)


@pytest.mark.filterwarnings("ignore")  # the root of a singular matrix
def test_a_set_that_does_not_vary_is_a_distance_not_an_error_code() -> None:
    a = np.random.default_rng(0).standard_normal((100, 3))
    found = fad.distance(a, np.ones((100, 3)))
    assert found == pytest.approx(((a.mean(0) - 1) ** 2).sum() + np.cov(a, rowvar=False).trace(), rel=0.02)


def clips(mean: float, count: int = 10) -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    return [draw.standard_normal((4, 3)) + mean for _ in range(count)]


@settings(max_examples=15, deadline=None)
@given(st.floats(1.1, 6, allow_subnormal=False))
def test_scores_are_of_all_windows_and_changes_are_paired(shift: float) -> None:
    real = np.random.default_rng(0).standard_normal((200, 3))
    near, far = clips(0.0), clips(shift)
    score = fad.score(real, near, 50, "x")
    assert score.value == pytest.approx(fad.distance(real, np.concatenate(near)))
    assert score.n == 10 and score.low <= score.high
    change = fad.change(real, near, far, 50, "x")
    assert change.value == pytest.approx(
        fad.distance(real, np.concatenate(near)) - fad.distance(real, np.concatenate(far))
    )
    assert change.low <= change.value < change.high < 0, "closer to the real ones is below zero"
    back = fad.change(real, far, near, 50, "x")
    assert back[:3] == pytest.approx((-change.value, -change.high, -change.low))
    assert fad.change(real, near, near, 50, "x")[:3] == (0, 0, 0)
    with pytest.raises(AssertionError, match="must answer the same prompts"):
        fad.change(real, near, far[1:], 50, "x")


@pytest.mark.parametrize(
    ("background", "made", "which", "remedy"),
    [
        (5, 60, "held-out tracks", "add tracks, or raise split.valid and split.test"),
        (60, 5, "clips", "raise generate.clips or generate.seconds"),
    ],
)
def test_too_few_windows_are_refused_on_either_side(background: int, made: int, which: str, remedy: str) -> None:
    a, b = (np.random.default_rng(0).standard_normal((n, 3)) for n in (background, made))
    for measure in (lambda: fad.distance(a, b), lambda: fad.score(a, [b[:2], b[2:]], 9, "x")):
        with pytest.raises(
            ValueError, match=rf"embedding of 3 dimensions needs at least 6 windows of {which}, got 5: {remedy}"
        ):
            measure()
    with pytest.raises(ValueError, match="at least 61 windows of held-out"):
        fad.check(a, np.zeros((61, 3)), 61)
    fad.check(np.zeros((61, 3)), np.zeros((61, 3)), 61)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(2, 40))
def test_resamples_measure_what_the_package_does(seed: int, size: int) -> None:
    """Two ways to the same trace of a root; 1e-6 of it is far below the four digits that are written."""
    draw = np.random.default_rng(seed)
    real, made = (draw.standard_normal((90, size)) @ draw.standard_normal((size, size)) + draw.random() for _ in "ab")
    found = fad.score(real, np.split(made, 9), 5, "x")
    assert found.value == pytest.approx(fad.distance(real, made), rel=1e-6, abs=1e-6)


def test_the_clip_that_is_farthest_alone_is_the_one_that_was_damaged() -> None:
    real = np.random.default_rng(0).standard_normal((300, 3))
    made = clips(0.0)
    made[6] = made[6] + 3
    made[2] = made[2][:1] - 1.5
    found = fad.per_clip(real, made)
    assert set(np.argsort(found)[-2:]) == {2, 6}
    single = ((made[2][0] - real.mean(0)) ** 2).sum() + np.cov(real, rowvar=False).trace()
    assert found[2] == pytest.approx(single), "one window is a point, and a number all the same"


def test_distances_from_moments_of_a_stream_are_those_of_all_windows() -> None:
    real, made = np.random.default_rng(0).standard_normal((90, 3)), clips(0.7)
    streamed = fad.Background(moments.of(real)).distance(moments.collect(iter(made)))
    assert streamed == pytest.approx(fad.distance(real, np.concatenate(made)), abs=1e-6)
