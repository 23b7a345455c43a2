"""A MusicGen of two narrow layers, tokens for it and a whole section `train`: what the tests of training share."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import kit
import numpy as np
import torch

from lowend.models import musicgen
from lowend.models.musicgen import MusicGen
from lowend.training import data
from lowend.training.config import TrainConfig
from lowend.training.musicgen_family import MusicGenFamily

FAMILY = MusicGenFamily()
DRAWING = MusicGenFamily(scheduled_sampling=0.2)
FRAMES = 24
TEXTS = ("trap hip-hop at 140 BPM in F minor", "a dark trap beat")


@lru_cache(maxsize=1)
def base() -> Path:
    """The kit's base as a folder, for as long as this process lives."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return kit.unpack(folder) / "base"


def lm(seed: int = 0, delays: tuple[int, ...] = (0, 1, 2, 3)) -> MusicGen:
    """A model with random weights that depend on `seed` alone."""
    config = json.loads((base() / "config.json").read_text())
    shape = {"dim": 24, "num_heads": 2, "num_layers": 2, "card": 64, "n_q": len(delays)}
    config["transformer_lm"] |= shape
    config["codebooks_pattern"]["delay"]["delays"] = list(delays)
    torch.manual_seed(seed)
    return musicgen.build(config, base() / "t5", "cpu").eval()


def rows(count: int = 6, frames: int = 40, seed: int = 0) -> list[data.Tokens]:
    """Sequences of random codes with band levels."""
    rng = np.random.default_rng(seed)
    return [
        data.Tokens(
            f"track{n}",
            rng.integers(0, 64, (4, frames)).astype(np.int16),
            TEXTS,
            rng.uniform(0.01, 1, (3, frames)).astype(np.float16),
        )
        for n in range(count)
    ]


def config(**change: Any) -> TrainConfig:
    """A section `train` of six steps, with some of it changed."""
    whole: dict[str, Any] = {
        "steps": 6, "batch_size": 2, "accumulate": 1, "segment_s": FRAMES / 50, "shortest_s": FRAMES / 50,
        "crops": "anywhere", "precision": "fp32", "checkpointing": False, "method": "full", "rank": 4, "alpha": 8.0,
        "freeze": 0, "band_weights": (1.0, 1.0, 1.0), "codebook_weights": (), "schedule": "cosine", "warmup": 1,
        "weight_decay": 0.1, "betas": (0.9, 0.95), "clip_norm": 1.0, "ema": 0.9, "cfg_dropout": 0.0,
        "word_dropout": 0.0, "scheduled_sampling": 0.0, "validate_every": 2, "patience": 9, "keep": 2, "skips": 3,
        "compile": False, "optimizer": "adamw",
    }  # fmt: skip
    return TrainConfig(**whole | change)


def sampler(own: list[data.Tokens] | None = None, **change: Any) -> data.Sampler:
    """A sampler over `rows`, with some of it changed."""
    own = rows() if own is None else own
    whole: dict[str, Any] = {
        "own": own, "replay": own, "replay_share": 0.0, "batch_size": 2, "frames": FRAMES, "cfg_dropout": 0.0,
        "word_dropout": 0.0, "name": "0/test",
    }  # fmt: skip
    return data.Sampler(**whole | change)


def spread(model: torch.nn.Module) -> float:
    """A stand-in for validation that every weight moves."""
    return float(sum(p.detach().abs().sum() for p in model.parameters()))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether two states are equal to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
