"""Compiled layers: the same losses, and no compiling in every step however long the captions are."""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path
from typing import Any

import mini
import pytest
import torch
import torch._dynamo
from torch import nn
from torch._dynamo.utils import counters

from lowend.training import loop
from lowend.training.musicgen_family import MusicGenFamily

DROP = {"cfg_dropout": 0.3, "word_dropout": 0.3}


def trained(scratch: Path, steps: int = 12, family: MusicGenFamily = mini.FAMILY, **change: Any) -> loop.Result:
    """Captions lose words and batches their text, so the text's length changes from step to step."""
    config = mini.config(steps=steps, **DROP, **change)
    sampler = mini.sampler(batches=steps, **DROP)
    return loop.train(family, mini.lm(), sampler, config, 1e-2, mini.spread, scratch, lambda _: None)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing and autograd of the real compiler, without the C++ of its kernels, which takes a minute."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager"))


@pytest.mark.parametrize("change", [{}, {"precision": "bf16", "checkpointing": True}, {"method": "lora"}])
def test_compiled_layers_train_alike(compiler: None, tmp_path: Path, change: dict[str, Any]) -> None:
    plain, compiled = trained(tmp_path / "a", **change), trained(tmp_path / "b", compile=True, **change)
    assert counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
    for a, b in zip(plain.history, compiled.history, strict=True):
        assert a == pytest.approx(b, rel=1e-3 if change.get("precision") == "bf16" else 1e-5)
    assert plain.raw.keys() == compiled.raw.keys()


@pytest.mark.parametrize(("family", "most"), [(mini.FAMILY, 3), (mini.DRAWING, 6)])  # it draws without gradients
def test_no_step_compiles_once_the_lengths_are_known(
    compiler: None, tmp_path: Path, family: MusicGenFamily, most: int
) -> None:
    trained(tmp_path / "few", 12, family, compile=True)
    known = counters["stats"]["unique_graphs"]
    torch._dynamo.reset()
    counters.clear()
    trained(tmp_path / "many", 40, family, compile=True)
    assert 0 < counters["stats"]["unique_graphs"] == known <= most


@pytest.mark.full
def test_compiled_kernels_train_alike(tmp_path: Path) -> None:
    plain, compiled = trained(tmp_path / "a"), trained(tmp_path / "b", compile=True)
    for a, b in zip(plain.history, compiled.history, strict=True):
        assert a == pytest.approx(b, rel=1e-5)
