"""FAD at infinity against Gaussians whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.metrics import fad, fad_infinity
from lowend.metrics.absent import Absent

SIZE = 6


def clips(seed: int, count: int, shift: float, scale: float = 1.0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [scale * draw.standard_normal((4, SIZE)) + shift for _ in range(count)]


@pytest.fixture(scope="module")
def background() -> np.ndarray:
    """So many windows that its own share of the bias is nothing."""
    return np.random.default_rng(99).standard_normal((40_000, SIZE))


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 2.0)])
def test_the_closed_form_is_met_where_plain_fad_is_too_far(background: np.ndarray, shift: float, scale: float) -> None:
    """|m|^2 + D (s - 1)^2; the mean of sixty sets, so that what is left of chance is small beside the bias."""
    truth = SIZE * shift**2 + SIZE * (scale - 1) ** 2
    sets = [clips(n, 20, shift, scale) for n in range(60)]
    plain = np.mean([fad.distance_to(background)(one) for one in sets])
    far = np.mean([fad_infinity.score(background, one, 2, "x").value for one in sets])
    assert abs(far - truth) < 0.5 * abs(plain - truth)


def test_sets_of_different_sizes_compare(background: np.ndarray) -> None:
    few = np.mean([fad_infinity.score(background, clips(n, 20, 0.5), 2, "x").value for n in range(60)])
    many = fad_infinity.score(background, clips(50, 400, 0.5), 2, "x").value
    plain = np.mean([fad.distance_to(background)(clips(n, 20, 0.5)) for n in range(60)])
    assert abs(few - many) < 0.15 < plain - many


def test_intervals_hold_the_truth_and_are_not_endless(background: np.ndarray) -> None:
    found = [fad_infinity.score(background, clips(n, 24, 0.5), 100, f"x{n}") for n in range(20)]
    assert sum(one.low <= 1.5 <= one.high for one in found) >= 17
    assert np.mean([one.high - one.low for one in found]) < 2.5
    assert all(one.low <= one.value <= one.high and one.n == 24 for one in found)


def test_a_name_fixes_it(background: np.ndarray) -> None:
    one = clips(0, 16, 0.5)
    assert fad_infinity.score(background, one, 20, "a") == fad_infinity.score(background, one, 20, "a")
    assert fad_infinity.score(background, one, 20, "a") != fad_infinity.score(background, one, 20, "b")


@pytest.mark.parametrize(("count", "windows"), [(8, 4), (17, 2), (15, 4)])
def test_too_small_a_set_is_refused(background: np.ndarray, count: int, windows: int) -> None:
    few = [one[:windows] for one in clips(0, count, 0.0)]
    with pytest.raises(
        Absent, match=f"at least 36 windows of at least 16 clips, got {count * windows} of {count}: raise generate"
    ):
        fad_infinity.score(background, few, 20, "x")
