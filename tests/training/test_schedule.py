"""Learning rate and weight average, value by value."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowend.training.schedule import augmented_share, ema_decay, lr_factor, update_ema


@pytest.mark.parametrize(
    ("step", "steps", "warmup", "factor"),
    [
        (0, 90, 10, 0.1),
        (4, 90, 10, 0.5),
        (9, 90, 10, 1.0),
        (10, 90, 10, 1.0),
        (30, 90, 10, 0.5 * (1 + math.cos(math.pi / 4))),
        (50, 90, 10, 0.5),
        (90, 90, 10, 0.0),
        (200, 90, 10, 0.0),
        (0, 10, 4, 0.25),
        (3, 10, 4, 1.0),
        (4, 10, 4, 1.0),
        (7, 10, 4, 0.5),
        (10, 10, 4, 0.0),
    ],
)
def test_warm_up_then_half_a_cosine(step: int, steps: int, warmup: int, factor: float) -> None:
    assert lr_factor(step, steps, warmup) == pytest.approx(factor, abs=1e-12)


@given(st.integers(1, 300), st.integers(0, 60))
def test_the_rate_rises_to_one_and_falls_to_zero(steps: int, warmup: int) -> None:
    factors = [lr_factor(s, steps, warmup) for s in range(steps + 1)]
    assert all(0 <= f <= 1 for f in factors)
    rising, falling = factors[:warmup], factors[warmup:]
    assert rising == sorted(rising) and falling == sorted(falling, reverse=True)
    assert 1.0 in factors or steps < warmup
    assert all(f > 0 for f in factors[:steps]), "no step is wasted"


@given(st.integers(1, 60), st.integers(1, 5000))
def test_a_constant_rate_stays_and_an_inverse_root_falls_by_the_root(warmup: int, after: int) -> None:
    constant, root = (
        (lambda s: lr_factor(s, 1, warmup, "constant")),
        (lambda s: lr_factor(s, 1, warmup, "inverse_sqrt")),
    )
    for rate in (constant, root):
        assert [rate(s) for s in range(warmup)] == [lr_factor(s, 100, warmup) for s in range(warmup)]
        assert rate(warmup) == 1.0
    assert constant(warmup + after) == 1.0
    assert root(warmup + after) == pytest.approx((1 + after / warmup) ** -0.5)
    assert lr_factor(4, 9, 0, "inverse_sqrt") == pytest.approx(5**-0.5)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.7), (0.5, 0.45), (0.9, 0.25), (1.0, 0.2), (3.0, 0.2)])
def test_augmentation_falls_to_a_fifth(progress: float, share: float) -> None:
    assert augmented_share(progress) == pytest.approx(share)


@pytest.mark.parametrize(("updates", "decay"), [(0, 0.1), (1, 2 / 11), (90, 0.91), (8990, 8991 / 9000), (10**7, 0.999)])
def test_the_average_warms_up(updates: int, decay: float) -> None:
    assert ema_decay(updates, 0.999) == pytest.approx(decay)
    assert ema_decay(updates, 0.05) == 0.05


def test_an_average_moves_in_place_and_counts_are_copied() -> None:
    ema = {"w": torch.tensor([0.0, 4.0]), "n": torch.tensor([1])}
    kept = ema["w"]
    state = {"w": torch.tensor([1.0, 0.0], requires_grad=True), "n": torch.tensor([7])}
    update_ema(ema, state, 0.75)
    assert ema["w"] is kept and not kept.requires_grad
    torch.testing.assert_close(kept, torch.tensor([0.25, 3.0]))
    assert ema["n"].tolist() == [7] and state["w"].tolist() == [1.0, 0.0]
