"""What a curriculum will take before it is started: memory by part, the batch that fits, steps and time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch

from lowend.models import base, checkpoints, musicgen, transformers_format
from lowend.training import memory
from lowend.training.config import TrainConfig
from lowend.training.memory import Memory
from lowend.workers import THREADS

GIB = 1024**3
_HEADROOM = 0.92  # of a memory: the rest is the allocator's rounding and whatever else runs


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of machine: its memory, and the speed that training sustains on it."""

    name: str
    bytes: int
    own_memory: bool  # a GPU with a memory apart from the processor's
    flops: dict[str, float]  # sustained, by precision

    def holds(self, needed: Memory) -> bool:
        """Whether training fits."""
        return (needed.on_device if self.own_memory else needed.peak) <= _HEADROOM * self.bytes


KNOWN = (
    Device("DGX Spark", 119 * GIB, False, {"fp32": 12e12, "bf16": 40e12}),
    Device("24 GB card", 24 * GIB, True, {"fp32": 20e12, "bf16": 60e12}),
    Device("80 GB card", 80 * GIB, True, {"fp32": 60e12, "bf16": 150e12}),
)
"""Machines that recipes are made for. Their speeds are assumptions, about a third of what the makers print."""

_SIZES = {"small": (1024, 24, 16), "medium": (1536, 48, 24), "large": (2048, 48, 32)}
"""Width, layers and heads of the published models."""


def published(name: str) -> dict[str, Any]:
    """The `xp.cfg` of a published MusicGen as far as its shape goes: `facebook/musicgen-stereo-medium`."""
    words = name.rsplit("/", 1)[-1].split("-")[1:]
    size = next((word for word in words if word in _SIZES), "medium")
    width, layers, heads = _SIZES[size]
    delays = [0, 0, 1, 1, 2, 2, 3, 3] if "stereo" in words else [0, 1, 2, 3]
    return {
        "transformer_lm": {
            "n_q": len(delays), "card": 2048, "dim": width, "num_heads": heads, "num_layers": layers, "hidden_scale": 4,
        },
        "fuser": {"cross": ["description"], "prepend": []},
        "interleave_stereo_codebooks": {"use": "stereo" in words},
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": delays}},
        "conditioners": {"description": {"model": "t5", "t5": {"name": "t5-base"}}},
    }  # fmt: skip


def model_of(name: str, kit: Path) -> tuple[Mapping[str, Any], Path | None]:
    """The `xp.cfg` of `base.model`, and the folder of its text encoder; nothing is fetched.

    Raises:
        UserError: it is neither a folder in audiocraft's or transformers' format nor a published model.
    """
    if name in base.PUBLISHED:
        return published(name), None
    base.check_name(name)
    folder = kit if name == "starter" else Path(name)
    told = base.source(folder)
    if told.name == base.LM_FILE:
        return checkpoints.read_audiocraft(told)[1], folder / "t5"
    return transformers_format.config_of(checkpoints.read_json(folder, told.name)), None


def this_device(precision: str) -> Device:
    """The GPU here, or the processor: what is free of its memory, and its measured speed."""
    if torch.cuda.is_available():
        return Device(torch.cuda.get_device_name(), torch.cuda.mem_get_info()[0], True, {precision: _speed(precision)})
    free = psutil.virtual_memory().available
    return Device(f"this machine, {THREADS} thread", free, False, {precision: _speed(precision)})


def _speed(precision: str) -> float:
    """Sustained floating-point operations a second: those of a matrix product, by the share that a step reaches."""
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    dtype, share = (torch.bfloat16, 0.5) if precision == "bf16" else (torch.float32, 0.8)
    width = 4096 if kind == "cuda" else 1024
    matrix = torch.ones(width, width, dtype=dtype, device=kind)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        float((matrix @ matrix)[0, 0])
        best = min(best, time.perf_counter() - start)
    return share * 2 * width**3 / best


def operations(model: Mapping[str, Any], config: TrainConfig) -> float:
    """Floating-point operations of an optimizer step: https://arxiv.org/abs/2001.08361, section 2.1, and attention.

    A layer's matrices cost two operations a weight and position forwards and four backwards; frozen
    first layers cost the first alone. Gradient checkpointing runs the layers forwards once more, and so does
    scheduled sampling, with the heads where it draws.
    """
    lm = model["transformer_lm"]
    width, layers, frames = lm["dim"], lm["num_layers"], round(config.segment_s * musicgen.FRAME_RATE)
    attention = (3 + 1 + 1 + 1) * width**2  # the text's own keys and values are few positions
    matrices = attention + 2 * int(lm["hidden_scale"]) * width**2 + 2 * frames * width
    frozen = min(config.freeze, layers)
    again = config.checkpointing + (config.scheduled_sampling > 0)
    passes = 6 * (layers - frozen) + 2 * frozen + 2 * layers * again
    heads = (6 + 2 * config.scheduled_sampling) * lm["n_q"] * lm["card"] * width
    return float(config.accumulate * config.batch_size * frames * (passes * matrices + heads))


def fitting_batch(
    device: Device, model: Mapping[str, Any], t5: Path | None, config: TrainConfig, program: int, shards: int = 1
) -> int:
    """The largest batch size that fits, 0 if not even one sequence does; memory grows by the same with each."""

    def needed(batch: int) -> Memory:
        return memory.predict(model, t5, replace(config, batch_size=batch), device.own_memory, program, shards)

    if not device.holds(needed(1)):
        return 0
    one, two = (m.on_device if device.own_memory else m.peak for m in (needed(2), needed(4)))
    growth = max(1, (two - one) // 2)
    return max(1, int(_HEADROOM * device.bytes - one) // growth + 2)


def program_bytes() -> int:
    """Memory of this process, which has loaded what training loads, and no model.

    A first optimizer loads 150 MB of torch's own.
    """
    torch.optim.AdamW([torch.zeros(1)], fused=True)
    return int(psutil.Process().memory_info().rss)
