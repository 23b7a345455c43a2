"""The optimizers that a stage may train with."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import nn

from lowend.errors import UserError
from lowend.training.config import TrainConfig
from lowend.training.team import ALONE, Team

_LEAST_8BIT = 4096  # elements: smaller tensors keep their moments in float32 (bitsandbytes' min_8bit_size)
_BLOCK = 256  # elements that share a scale


def build(lm: nn.Module, config: TrainConfig, lr: float, team: Team = ALONE) -> torch.optim.Optimizer:
    """AdamW over what trains: torch's fused kernel, or moments of eight bits.

    adamw8bit: https://arxiv.org/abs/2110.02861, bitsandbytes' AdamW8bit; a quarter of the memory.

    Raises:
        UserError: bitsandbytes is asked for, and is not there or cannot work on a team's shares.
    """
    parameters = [p for p in lm.parameters() if p.requires_grad]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr, betas=config.betas, weight_decay=config.weight_decay, fused=True)
    if team.sharded:
        raise UserError(
            "params.yaml: `train.optimizer: adamw8bit` keeps scales of whole weights: set `train.optimizer: adamw`, "
            "or unset LOWEND_SHARD"
        )
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it misses kernels that AdamW does not use
    try:
        from bitsandbytes.optim import AdamW8bit
    except (ImportError, RuntimeError, OSError) as error:
        raise UserError(
            f"params.yaml: `train.optimizer: adamw8bit` needs bitsandbytes, which cannot be loaded ({error}): "
            "`pip install bitsandbytes`, or set `train.optimizer: adamw`"
        ) from None
    made: torch.optim.Optimizer = AdamW8bit(
        parameters, lr, betas=config.betas, weight_decay=config.weight_decay, min_8bit_size=_LEAST_8BIT
    )
    return made


def state_bytes(parameters: Iterable[nn.Parameter], config: TrainConfig) -> int:
    """What the optimizer keeps of these parameters: two moments of four bytes, or of one and a scale a block."""
    sizes = [p.numel() for p in parameters]
    if config.optimizer == "adamw":
        return 8 * sum(sizes)
    return sum(8 * n if n < _LEAST_8BIT else 2 * (n + 4 * -(-n // _BLOCK)) for n in sizes)
