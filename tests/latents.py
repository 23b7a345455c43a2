"""A toy family without codes: a denoiser of latents [WIDTH, T] whose codec holds each frame for `hop` samples.

It is both of the project's seams, `training.family.Family` and `models.families.Family`; NAME in a lineage means it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lowend.audio.io import Wave
from lowend.models import checkpoints, families
from lowend.training.data import Batch

NAME = "latents"
WIDTH = 4


def denoiser() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(WIDTH, WIDTH)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line in the registry."""
    monkeypatch.setitem(families.MODULES, NAME, __name__)


@dataclass(frozen=True, slots=True)
class Settings(families.Sampling):
    steps: int


class Latents:
    """Its loss is a denoiser's mean square error; a clip is noise from which what the denoiser hears is taken away."""

    measure = "mse"
    settings = Settings

    def parts(self, model: nn.Module) -> list[str]:
        return ["noise"]

    def weigh(self, model: nn.Module, batches: Sequence[Batch]) -> list[None]:
        return [None] * len(batches)

    def losses(
        self, model: nn.Module, batch: Batch, weights: Tensor | None, precision: str, generator: torch.Generator
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

    @torch.no_grad()
    def generate(
        self,
        model: Path,
        codec: Path,
        prompts: Sequence[str],
        seeds: Sequence[int],
        settings: Settings,
        on_progress: Callable[[int, int], None],
    ) -> tuple[Wave, int]:
        net, shape = denoiser(), checkpoints.read_json(codec, "config.json")
        net.load_state_dict(checkpoints.read_state(model))
        frames = round(settings.seconds * shape["sample_rate"] / shape["hop"])
        noise = [torch.randn(frames, WIDTH, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        latents = torch.stack(noise)
        for step in range(settings.steps):
            latents = latents - net(latents) / (settings.steps - step)
            on_progress(step + 1, settings.steps)
        return latents.mT[:, :1].repeat_interleave(shape["hop"], 2).numpy(), shape["sample_rate"]

    def export(self, model: Path, codec: Path, out: Path) -> families.Release:
        (out / "toy").mkdir(parents=True)
        save_file(checkpoints.read_state(model), out / "toy/denoiser.safetensors")
        return families.Release([families.Format("toy", "toybox", "wav = toybox.play('.')")], ["No ONNX: too small."])


FAMILY: families.Family[Settings] = Latents()
