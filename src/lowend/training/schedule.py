"""Learning rate, share of augmented sequences, and averaging of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def lr_factor(step: int, steps: int, warmup: int, schedule: str = "cosine") -> float:
    """Share of the peak learning rate at a step (from 0): linear warm-up, then `schedule`.

    cosine: half a cosine to zero; constant: the peak; inverse_sqrt: falls with the root of the
    steps, from the peak at the end of the warm-up, whatever `steps` is.
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    if schedule == "inverse_sqrt":
        return math.sqrt(max(1, warmup) / (max(1, warmup) + step - warmup))
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def augmented_share(progress: float) -> float:
    """Share of sequences taken from augmented variants, at a share 0..1 of the training: max(0.2, 0.7 - 0.5 p)."""
    return max(0.2, 0.7 - 0.5 * progress)


def ema_decay(updates: int, decay: float) -> float:
    """Decay of the average after n updates, warmed up: min(decay, (1 + n) / (10 + n))."""
    return min(decay, (1 + updates) / (10 + updates))


@torch.no_grad()
def update_ema(ema: Mapping[str, Tensor], state: Mapping[str, Tensor], decay: float) -> None:
    """Move the average towards the weights, in place; tensors that are no floats are copied."""
    for name, value in state.items():
        if value.is_floating_point():
            ema[name].lerp_(value, 1 - decay)
        else:
            ema[name].copy_(value)
