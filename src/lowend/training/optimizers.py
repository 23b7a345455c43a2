"""The optimizers that a stage may train with."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.optim.adamw import adamw

from lowend.errors import UserError
from lowend.training import sharding
from lowend.training.config import TrainConfig
from lowend.training.team import ALONE, Team

_LEAST_8BIT = 4096  # elements: smaller tensors keep their moments in float32 (bitsandbytes' min_8bit_size)
_PIECE = 2**18  # elements that are widened at a time: a megabyte
_BLOCK = 256  # elements that share a scale


class NarrowAdamW(torch.optim.AdamW):
    """AdamW for gradients of narrower types than their weights'.

    They are widened, and scaled by `clipping`, a piece at a time that stays in the processor's cache: all of them
    at once would take the memory that their types save.
    """

    clipping = torch.ones(())

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient, as torch's fused kernel does."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for weight in (p for p in group["params"] if p.grad is not None):
                kept = self.state[weight]
                if not kept:
                    kept["step"] = torch.zeros((), dtype=torch.float32)
                    kept["exp_avg"], kept["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
                split = [x.view(-1).split(_PIECE) for x in (weight, kept["exp_avg"], kept["exp_avg_sq"])]
                for wide, part, mean, square in zip(_pieces(weight.grad), *split, strict=True):
                    adamw(
                        [part], [wide.mul_(self.clipping)], [mean], [square], [], [kept["step"].clone()], fused=True,
                        amsgrad=False, beta1=beta1, beta2=beta2, lr=group["lr"], weight_decay=group["weight_decay"],
                        eps=group["eps"], maximize=False,
                    )  # fmt: skip
                kept["step"] += 1


def _pieces(grad: torch.Tensor) -> Iterator[torch.Tensor]:
    """Pieces of a gradient in float32, each valid until the next."""
    room = torch.empty(min(_PIECE, grad.numel()))
    for piece in grad.reshape(-1).split(_PIECE):
        yield room[: len(piece)].copy_(piece)


def keep_types(lm: nn.Module, config: TrainConfig, team: Team = ALONE) -> bool:
    """Let gradients keep the type they are computed in, where that is possible; whether it is, as on a CPU.

    Nothing is lost: sums of several would be, so there must be one forward pass a step, by one process.
    """
    possible = (
        (config.precision, config.optimizer, config.accumulate, team.size) == ("bf16", "adamw", 1, 1)
        and not config.compile
        and all(p.device.type == "cpu" for p in lm.parameters())
    )
    for parameter in (p for p in lm.parameters() if possible and p.requires_grad):
        parameter.grad_dtype = None  # any
    return possible


def build(lm: nn.Module, config: TrainConfig, lr: float, team: Team = ALONE) -> torch.optim.Optimizer:
    """AdamW over what trains: torch's fused kernel, or moments of eight bits.

    adamw8bit: https://arxiv.org/abs/2110.02861, bitsandbytes' AdamW8bit; a quarter of the memory.

    Raises:
        UserError: bitsandbytes is asked for, and is not there or cannot work on a team's shares.
    """
    parameters = [p for p in lm.parameters() if p.requires_grad]
    if config.optimizer == "adamw":
        kind = NarrowAdamW if keep_types(lm, config, team) else torch.optim.AdamW
        return kind(parameters, lr, betas=config.betas, weight_decay=config.weight_decay, fused=True)
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


def clip(optimizer: torch.optim.Optimizer, limit: float) -> float:
    """Have the next step scale the gradients down to a common norm of `limit`; returns the norm that they have."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not isinstance(optimizer, NarrowAdamW):
        return sharding.clip(parameters, limit)
    norms = [torch.linalg.vector_norm(wide) for p in parameters if p.grad is not None for wide in _pieces(p.grad)]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    optimizer.clipping = (limit / (norm + 1e-6)).clamp(max=1.0)
    return float(norm)


def state_bytes(parameters: Iterable[nn.Parameter], config: TrainConfig) -> int:
    """What the optimizer keeps of these parameters: two moments of four bytes, or of one and a scale a block."""
    sizes = [p.numel() for p in parameters]
    if config.optimizer == "adamw":
        return 8 * sum(sizes)
    return sum(8 * n if n < _LEAST_8BIT else 2 * (n + 4 * -(-n // _BLOCK)) for n in sizes)
