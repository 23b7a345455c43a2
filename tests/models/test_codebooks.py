"""The delay pattern against audiocraft's, and a likelihood whose gradient is the derivative of its value."""

from __future__ import annotations

import oracles
import pytest
import torch
import torch.nn.functional as F
from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
from hypothesis import given
from hypothesis import strategies as st

from lowend.models import codebooks

delays = st.lists(st.integers(0, 4), max_size=7).map(lambda later: [0, *sorted(later)])
CARD = oracles.CARD


@given(delays, st.integers(1, 12))
def test_undelay_undoes_delay(shifts: list[int], frames: int) -> None:
    codes = oracles.codes(shifts, 2, frames)
    delayed = codebooks.delay(codes, shifts, CARD)
    assert torch.equal(codebooks.undelay(delayed, shifts), codes)
    assert (delayed == CARD).sum() == 2 * len(shifts) * max(shifts)


@given(delays, st.integers(5, 12))
def test_the_pattern_is_audiocrafts(shifts: list[int], frames: int) -> None:
    codes = oracles.codes(shifts, 2, frames)
    pattern = DelayedPatternProvider(len(shifts), shifts).get_pattern(frames)
    whole, _, _ = pattern.build_pattern_sequence(codes, CARD)
    assert torch.equal(codebooks.delay(codes, shifts, CARD), whole[..., 1:])
    valid, _, _ = pattern.build_pattern_sequence(codes, CARD, keep_only_valid_steps=True)
    assert torch.equal(codebooks.read_to_predict(codes, shifts, CARD), valid[..., :-1])


def test_the_patterns_of_mono_and_stereo() -> None:
    mono = codebooks.delay(torch.arange(1, 3).expand(1, 4, 2), oracles.MONO, 0)
    assert mono[0].tolist() == [[1, 2, 0, 0, 0], [0, 1, 2, 0, 0], [0, 0, 1, 2, 0], [0, 0, 0, 1, 2]]
    stereo = codebooks.delay(torch.arange(1, 3).expand(1, 8, 2), oracles.STEREO, 0)
    assert torch.equal(stereo[:, 0::2], mono) and torch.equal(stereo[:, 1::2], mono)


@pytest.mark.parametrize("shifts", [oracles.MONO, oracles.STEREO])
def test_losses_and_their_gradients_equal_cross_entropys(shifts: list[int]) -> None:
    """With a weight for each position, which the backward pass may only learn after the forward pass."""
    torch.manual_seed(0)
    rows, frames, width = 2, 7, 5
    codes = oracles.codes(shifts, rows, frames)
    hidden = torch.randn(rows, frames, width, requires_grad=True)
    heads = [torch.randn(CARD, width, requires_grad=True) for _ in shifts]
    weights = torch.rand(rows, len(shifts), frames)
    found = codebooks.losses(hidden, heads, codes, shifts)
    target = codebooks.delay(codes, shifts, -100)[..., :frames]
    logits = torch.stack([hidden @ head.t() for head in heads], 1)
    wanted = F.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="none").view_as(target)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad((loss * weights).sum(), [hidden, *heads]) for loss in (found, wanted)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_extreme_logits_give_finite_losses() -> None:
    hidden = torch.tensor([[[1000.0]]], requires_grad=True)
    heads = [torch.tensor([[1.0], [-1.0]])]
    loss = codebooks.losses(hidden, heads, torch.tensor([[[1]]]), [0])
    loss.sum().backward()
    assert loss.item() == 2000 and hidden.grad is not None and hidden.grad.item() == 2
