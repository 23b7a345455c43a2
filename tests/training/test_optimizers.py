"""AdamW with moments of eight bits learns as AdamW does, in a quarter of the memory, and goes on from a state."""

from __future__ import annotations

import sys
from pathlib import Path

import mini
import pytest
import torch
from torch import nn

from lowend.errors import UserError
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


def test_a_split_model_is_refused() -> None:
    with pytest.raises(UserError, match="optimizer: adamw8bit.*unset LOWEND_SHARD"):
        optimizers.build(model(), EIGHT, 1e-3, team.Team(0, 2, True))


def test_without_bitsandbytes_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "bitsandbytes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(UserError, match="adamw8bit.*needs bitsandbytes.*pip install bitsandbytes.*adamw"):
        optimizers.build(model(), EIGHT, 1e-3)
