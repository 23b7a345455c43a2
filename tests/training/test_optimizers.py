"""AdamW with narrow gradients is AdamW; with moments of eight bits it learns alike in a quarter of the memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mini
import pytest
import torch
from torch import nn

from lowend.errors import UserError
from lowend.models import musicgen
from lowend.training import optimizers, resume, team

EIGHT = mini.config(optimizer="adamw8bit")


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, first: int, count: int) -> list[float]:
    """Losses of a model that learns to return its input."""
    found = []
    for step in range(first, first + count):
        x = torch.randn(32, 128, generator=torch.Generator().manual_seed(step))
        loss = (model(x) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(128, 128), nn.LayerNorm(128))


def test_eight_bits_learn_as_thirty_two_do() -> None:
    plain, small = model(), model()
    expected = steps(plain, optimizers.build(plain, mini.config(), 1e-2), 0, 60)
    found = steps(small, optimizers.build(small, EIGHT, 1e-2), 0, 60)
    assert expected[-1] < 0.2 * expected[0]
    assert found == pytest.approx(expected, rel=0.05) and found != expected


def test_what_it_keeps_is_what_the_plan_says() -> None:
    lm = model()
    optimizer = optimizers.build(lm, EIGHT, 1e-3)
    steps(lm, optimizer, 0, 1)
    kept = [v for p in lm.parameters() for k, v in optimizer.state[p].items() if k.startswith(("state", "absmax"))]
    planned = optimizers.state_bytes(lm.parameters(), EIGHT)
    assert sum(v.numel() * v.element_size() for v in kept) == pytest.approx(planned, rel=0.01)
    assert planned < 0.35 * optimizers.state_bytes(lm.parameters(), mini.config())


def test_a_saved_state_goes_on_to_the_bit(tmp_path: Path) -> None:
    whole, first, second = model(), model(), model()
    expected = steps(whole, optimizers.build(whole, EIGHT, 1e-3), 0, 8)
    optimizer = optimizers.build(first, EIGHT, 1e-3)
    steps(first, optimizer, 0, 4)
    resume.save(tmp_path, 4, {"lm": first.state_dict(), "optimizer": optimizer.state_dict()}, 1)
    state = resume.load(tmp_path)
    assert state is not None
    again = optimizers.build(second, EIGHT, 1e-3)
    second.load_state_dict(state["lm"])
    again.load_state_dict(state["optimizer"])
    assert steps(second, again, 4, 4) == expected[4:]
    assert mini.same(second.state_dict(), whole.state_dict())


def bf16_steps(lm: musicgen.MusicGen, optimizer: torch.optim.Optimizer, clip_norm: float) -> list[float]:
    """Norms of the gradients of four steps of one batch in bfloat16."""
    batch, norms = mini.sampler().at(0), []
    for _ in range(4):
        optimizer.zero_grad()
        losses = mini.FAMILY.losses(lm, batch, None, "bf16", torch.Generator())
        losses.mean().backward()
        norms.append(optimizers.clip(optimizer, clip_norm))
        optimizer.step()
    return norms


@pytest.mark.parametrize(("clip_norm", "piece"), [(1e-3, 2**18), (1e3, 2**18), (1e-3, 1000)])
def test_gradients_keep_bfloat16_and_lose_nothing(
    clip_norm: float, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizers, "_PIECE", piece)
    wide, narrow, half = mini.lm().train(), mini.lm().train(), mini.config(precision="bf16")
    plain = torch.optim.AdamW(wide.parameters(), 1e-2, half.betas, weight_decay=half.weight_decay, fused=True)
    optimizer = optimizers.build(narrow, half, 1e-2)
    assert bf16_steps(narrow, optimizer, clip_norm) == pytest.approx(bf16_steps(wide, plain, clip_norm), rel=1e-6)
    for a, b in zip(narrow.parameters(), wide.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    matrices = [p for part in (narrow.transformer.layers, narrow.linears) for p in part.parameters() if p.ndim == 2]
    assert len(matrices) == 12 + narrow.num_codebooks
    assert {p.grad.dtype for p in matrices if p.grad is not None} == {torch.bfloat16}


@pytest.mark.parametrize("change", [{"accumulate": 2}, {"precision": "fp32"}, {"compile": True}])
def test_gradients_that_are_summed_or_wide_stay_wide(change: dict[str, Any]) -> None:
    lm = mini.lm()
    optimizers.build(lm, mini.config(**{"precision": "bf16", **change}), 1e-2)
    bf16_steps(lm, torch.optim.SGD(lm.parameters(), 0.0), 1.0)
    assert {p.grad.dtype for p in lm.parameters() if p.grad is not None} == {torch.float32}


def test_a_split_model_is_refused() -> None:
    with pytest.raises(UserError, match="optimizer: adamw8bit.*unset LOWEND_SHARD"):
        optimizers.build(model(), EIGHT, 1e-3, team.Team(0, 2, True))


def test_without_bitsandbytes_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "bitsandbytes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(UserError, match="adamw8bit.*needs bitsandbytes.*pip install bitsandbytes.*adamw"):
        optimizers.build(model(), EIGHT, 1e-3)
