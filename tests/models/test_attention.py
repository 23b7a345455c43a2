"""Attention in bfloat16 on a CPU: what float64 computes to its rounding, block by block, and without kept scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lowend.models import decoder


def inputs(queries: int, keys: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(queries)
    sizes = (queries, keys, keys)
    query, key, value = (torch.randn(2, 3, n, 16).bfloat16().requires_grad_() for n in sizes)
    return query, key, value


def gradients(out: Tensor, given: Tensor, of: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return torch.autograd.grad((out * given.to(out.dtype)).sum(), of)


@pytest.mark.parametrize(
    ("queries", "keys", "causal"), [(40, 40, True), (300, 300, True), (300, 7, False), (1, 1, True)]
)
def test_it_is_float64s_to_the_rounding(queries: int, keys: int, causal: bool) -> None:
    narrow = inputs(queries, keys)
    wide = tuple(x.detach().double().requires_grad_() for x in narrow)
    given = torch.randn(narrow[0].shape)
    with torch.autocast("cpu", torch.bfloat16):
        found = decoder.attend(*narrow, causal)
    expected = scaled_dot_product_attention(*wide, is_causal=causal)
    assert found.dtype == torch.bfloat16
    for a, b in [
        (found, expected),
        *zip(gradients(found, given, narrow), gradients(expected, given, wide), strict=True),
    ]:
        assert (a.double() - b).norm() < 0.01 * b.norm() + 1e-6


def test_nothing_is_heard_of_what_lies_ahead() -> None:
    query, key, value = inputs(300, 300)
    before = decoder.attend(query, key, value, True)
    with torch.no_grad():
        value[:, :, 290:] += 1
        key[:, :, 290:] += 1
    after = decoder.attend(query, key, value, True)
    assert torch.equal(before[:, :, :290], after[:, :, :290]) and not torch.equal(before, after)


def test_scores_are_not_kept_for_the_backward_pass() -> None:
    query, key, value = inputs(300, 300)
    kept: list[Tensor] = []

    def keep(x: Tensor) -> Tensor:
        kept.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        decoder.attend(query, key, value, True)
    assert sum(x.numel() for x in kept) == query.numel() + key.numel() + value.numel()
