"""Moments a clip at a time are those of all windows at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.metrics import moments


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.lists(st.integers(0, 6), min_size=1, max_size=8), st.floats(-1e4, 1e4))
def test_clips_one_by_one_give_the_mean_and_covariance_of_all(seed: int, lengths: list[int], far: float) -> None:
    draw = np.random.default_rng(seed)
    clips = [draw.standard_normal((n, 3)) @ draw.standard_normal((3, 3)) + far for n in [2, *lengths]]
    found, windows = moments.collect(iter(clips)), np.concatenate(clips)
    assert found.count == len(windows)
    np.testing.assert_allclose(found.mean, windows.mean(0), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.covariance, np.cov(windows, rowvar=False), rtol=1e-6, atol=1e-7)


def test_merging_is_the_same_either_way_round() -> None:
    a, b = (moments.of(np.random.default_rng(n).standard_normal((5 + n, 2))) for n in (0, 1))
    one, two = moments.merge(a, b), moments.merge(b, a)
    np.testing.assert_allclose(one.scatter, two.scatter)
    np.testing.assert_allclose(one.mean, two.mean)


def test_one_window_does_not_vary_and_none_are_refused() -> None:
    assert not moments.of(np.ones((1, 4))).covariance.any()
    for nothing in (lambda: moments.of(np.zeros((0, 2))), lambda: moments.collect([np.zeros((0, 2))])):
        with pytest.raises(ValueError, match="no windows"):
            nothing()


def test_memory_does_not_grow_with_the_clips() -> None:
    def clips(count: int) -> Iterator[np.ndarray]:
        for n in range(count):
            yield np.random.default_rng(n).standard_normal((50, 40))

    def peak(count: int) -> int:
        tracemalloc.start()
        moments.collect(clips(count))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(5)
    assert peak(400) < 1.3 * peak(20)
