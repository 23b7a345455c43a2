"""Intervals against the normal approximation, and what makes them reproducible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.metrics import bootstrap

VALUES = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=1, max_size=30)


def test_the_interval_of_a_mean_is_the_normal_one_for_many_values() -> None:
    """1.96 standard errors each way; 2000 resamples place a percentile within about 10 % of a half-width."""
    data = np.random.default_rng(0).standard_normal(900) * 3 + 5
    found = bootstrap.mean(data, 2000, "x")
    half = 1.96 * data.std() / 30
    assert found.value == pytest.approx(data.mean()) and found.n == 900
    assert found.low == pytest.approx(found.value - half, abs=0.1 * half)
    assert found.high == pytest.approx(found.value + half, abs=0.1 * half)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(2)
    found = [bootstrap.mean(draw.standard_normal(40) + 3, 300, f"cover/{n}") for n in range(100)]
    assert 85 <= sum(f.low <= 3 <= f.high for f in found) <= 100


@settings(max_examples=25, deadline=None)
@given(VALUES, st.floats(-50, 50, allow_subnormal=False), st.floats(0.1, 10))
def test_an_interval_moves_and_stretches_with_its_values(values: list[float], shift: float, scale: float) -> None:
    one = bootstrap.mean(values, 60, "x")
    two = bootstrap.mean([scale * v + shift for v in values], 60, "x")
    np.testing.assert_allclose(np.array(two[:3]), scale * np.array(one[:3]) + shift, atol=1e-6)
    assert min(values) - 1e-9 <= one.low <= one.high <= max(values) + 1e-9


def test_a_name_fixes_the_draws_and_another_one_changes_them() -> None:
    values = list(range(20))
    assert bootstrap.mean(values, 99, "a") == bootstrap.mean(values, 99, "a")
    assert bootstrap.mean(values, 99, "a").low != bootstrap.mean(values, 99, "b").low
    assert bootstrap.mean([4.0] * 9, 99, "a") == (4.0, 4.0, 4.0, 9)


def test_units_are_resampled_whole() -> None:
    seen: list[np.ndarray] = []
    bootstrap.interval(lambda chosen: float(seen.append(chosen) or 0), 7, 5, "x")
    assert len(seen) == 6 and all(len(s) == 7 and set(s) <= set(range(7)) for s in seen)
    assert sorted(seen[-1]) == list(range(7)), "the estimate itself is of every unit once"


def test_metrics_are_flat_and_rounded() -> None:
    found = bootstrap.Estimate(1.23456, 1.0, 2.00005, 9).as_metrics("ce", 3)
    assert found == {"ce": 1.235, "ce_low": 1.0, "ce_high": 2.0}
    with pytest.raises(ValueError, match="genre: nothing to resample"):
        bootstrap.mean([], 9, "genre")
