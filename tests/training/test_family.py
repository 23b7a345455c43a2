"""The loop trains a family without codes: a denoiser of latents, whose noise a kill does not change."""

from __future__ import annotations

from pathlib import Path

import mini
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lowend.training import data, loop

WIDTH = 4


class Latents:
    """A family of float16 latents [width, T]; its loss is a denoiser's mean square error."""

    measure = "mse"

    def parts(self, model: nn.Module) -> list[str]:
        return ["noise"]

    def weigh(self, model: nn.Module, batches: list[data.Batch]) -> list[None]:
        return [None] * len(batches)

    def losses(
        self, model: nn.Module, batch: data.Batch, weights: Tensor | None, precision: str, generator: torch.Generator
    ) -> Tensor:
        clean = torch.from_numpy(batch.codes).float().mT
        noise = torch.randn(clean.shape, generator=generator)
        return (model(clean + noise) - noise).square().mean()[None]

    def layers(self, model: nn.Module) -> nn.ModuleList:
        return nn.ModuleList([model])

    def checkpoint(self, model: nn.Module, on: bool) -> None:
        return None

    def compile(self, model: nn.Module) -> None:
        model.compile()


def denoiser() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(WIDTH, WIDTH)


def trained(scratch: Path, kill: int = 0) -> loop.Result:
    rng = np.random.default_rng(0)
    rows = [
        data.Tokens(f"track{n}", rng.normal(2, 0.1, (WIDTH, 40)).astype(np.float16), ("music",))  # type: ignore[arg-type]
        for n in range(6)
    ]

    def on_step(record: dict[str, float]) -> None:
        if record["step"] == kill:
            raise KeyboardInterrupt

    config = mini.config(steps=60)
    return loop.train(Latents(), denoiser(), mini.sampler(rows), config, 3e-2, mini.spread, scratch, on_step)


def test_the_same_loop_trains_a_latent_family(tmp_path: Path) -> None:
    history = trained(tmp_path).history
    assert history[-1]["train_mse"] < 0.3 * history[0]["train_mse"]
    assert history[0]["train_mse_noise"] == history[0]["train_mse"] and "valid_mse" in history[1]


def test_its_noise_is_the_same_after_a_kill(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", kill=13)
    again = trained(tmp_path / "killed")
    assert mini.same(whole.raw, again.raw) and mini.same(whole.ema, again.ema) and whole.history == again.history
