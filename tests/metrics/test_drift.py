"""Distances between two models' clips of the same prompts: their definition, their zero, and what chance gives."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.metrics import drift

Sets = list[np.ndarray]


def clips(seed: int, count: int = 12, shift: float = 0.0) -> Sets:
    """Windows that are more alike within a clip than between clips, in six dimensions."""
    draw = np.random.default_rng(seed)
    return [draw.standard_normal(6) + shift + 0.4 * draw.standard_normal((4, 6)) for _ in range(count)]


def by_definition(after: Sets, before: Sets) -> float:
    """Gretton et al., eq. 3, where a clip's kernel is the mean over its windows."""
    windows = [w for clip in before for w in clip]
    sigma = np.median([np.linalg.norm(a - b) for i, a in enumerate(windows) for b in windows[:i]])

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([np.exp(-((x - y) ** 2).sum() / (2 * sigma**2)) for x in a for y in b]))

    x, y, n = after, before, len(after)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    return float(np.mean([k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs]))


def test_the_distance_is_the_definition() -> None:
    after, before = clips(1, 9, 0.5), clips(2, 9)
    assert drift.mmd(after, before, 50, "x")["drift_mmd"] == pytest.approx(by_definition(after, before), abs=1e-4)


def test_the_same_clips_twice_are_at_zero() -> None:
    found = drift.mmd(clips(0), clips(0), 50, "x") | drift.kld(*[[np.array([0.2, 0.9])] * 3] * 2, 50, "x")
    assert set(found.values()) == {0.0}


def test_chance_tells_sets_of_the_same_music_from_others() -> None:
    """Of forty pairs of the same music about two lie above what 95 % of deals stay below; of other music, all."""
    same = [drift.mmd(clips(n), clips(100 + n), 200, str(n)) for n in range(40)]
    assert sum(found["drift_mmd"] > found["drift_mmd_chance"] for found in same) <= 6
    moved = [drift.mmd(clips(n, shift=1.5), clips(100 + n), 200, str(n)) for n in range(10)]
    assert all(found["drift_mmd"] > found["drift_mmd_chance"] and found["drift_mmd_low"] > 0 for found in moved)


def test_a_clip_that_lost_what_the_one_before_had_is_farther_and_strangers_are_the_scale() -> None:
    before = [np.array([0.9, 0.1, 0.1]), np.array([0.1, 0.9, 0.1]), np.array([0.1, 0.1, 0.9])]
    near = drift.kld([tags * 0.9 for tags in before], before, 50, "x")
    lost = drift.kld([before[1], before[2], before[0]], before, 50, "x")
    assert 0 < near["drift_kld_low"] <= near["drift_kld"] <= near["drift_kld_high"] < lost["drift_kld"]
    assert lost["drift_kld"] == pytest.approx(lost["drift_kld_others"]) == near["drift_kld_others"]


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(ValueError, match=r"at least 8 clips, got 7: raise generate\.clips"):
        drift.mmd(clips(0, 7), clips(1, 7), 50, "x")
    with pytest.raises(ValueError, match="clips before all sound alike: are they silent"):
        drift.mmd(clips(0, 8), [np.ones((3, 6))] * 8, 50, "x")
