"""One stage of the curriculum: a flat loop that can be killed at any step.

What a step does depends on the state and the step's number alone: batches, dropped words and
dropped conditions come from the sampler, and the models have no dropout. A state therefore needs
no random generators, and training resumed equals training straight through, to the bit on a CPU.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from audiocraft.models.lm import LMModel

from lowend.errors import UserError
from lowend.models import musicgen
from lowend.training import resume
from lowend.training.data import Sampler
from lowend.training.schedule import ema_decay, lr_factor, update_ema

State = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Section `train` of params.yaml."""

    steps: int
    batch_size: int
    accumulate: int
    segment_s: float
    warmup: int
    weight_decay: float
    betas: tuple[float, float]
    clip_norm: float
    ema: float
    cfg_dropout: float
    word_dropout: float
    validate_every: int
    patience: int
    keep: int

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "validate_every", "patience", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"train.{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("ema", "cfg_dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"train.{name} must be in 0..1, got {getattr(self, name)}")
        if not 0 <= self.warmup <= self.steps:
            raise ValueError(f"train.warmup must be in 0..train.steps, got {self.warmup}")


@dataclass(frozen=True, slots=True)
class Result:
    """Averaged and raw weights of the best validation, and how training went."""

    ema: State
    raw: State
    best_step: int
    last_step: int
    history: list[dict[str, float]]


def _copy(state: State) -> State:
    return {name: value.detach().clone() for name, value in state.items()}


def train(
    lm: LMModel,
    sampler: Sampler,
    config: TrainConfig,
    lr: float,
    validate: Callable[[LMModel], float],
    scratch: Path,
    on_step: Callable[[dict[str, float]], None],
) -> Result:
    """Train `lm` in place; `validate` scores the averaged weights, lower is better.

    `on_step` gets one record a step (and, where there was one, its validation), also those of the
    steps before a kill, so that a log written from it is whole.

    Raises:
        UserError: the loss is not finite; the message names the tracks of the batch.
    """
    parameters = [p for p in lm.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr, betas=(config.betas[0], config.betas[1]), weight_decay=config.weight_decay
    )
    averaged = copy.deepcopy(lm).eval()
    ema = averaged.state_dict()
    history: list[dict[str, float]] = []
    best: dict[str, Any] = {"loss": math.inf, "step": 0, "ema": _copy(ema), "raw": _copy(lm.state_dict())}
    step, misses = 0, 0
    state = resume.load(scratch)
    if state is not None:
        lm.load_state_dict(state["raw"])
        averaged.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, misses, best, history = state["step"], state["misses"], state["best"], state["history"]
        for record in history:
            on_step(record)
    lm.train()
    while step < config.steps and misses < config.patience:
        for group in optimizer.param_groups:
            group["lr"] = lr * lr_factor(step, config.steps, config.warmup)
        record = {"lr": optimizer.param_groups[0]["lr"], **_step(lm, sampler, optimizer, config, step)}
        step += 1
        update_ema(ema, lm.state_dict(), ema_decay(step, config.ema))
        validating = step % config.validate_every == 0 or step == config.steps
        if validating:
            record["valid_ce"] = validate(averaged)
            if record["valid_ce"] < best["loss"]:
                misses = 0
                best = {"loss": record["valid_ce"], "step": step, "ema": _copy(ema), "raw": _copy(lm.state_dict())}
            else:
                misses += 1
        history.append({"step": step, **record})
        on_step(history[-1])
        if validating:
            whole = {"raw": lm.state_dict(), "ema": ema, "optimizer": optimizer.state_dict()}
            whole |= {"step": step, "misses": misses, "best": best, "history": history}
            resume.save(scratch, step, whole, config.keep)
    lm.eval()
    return Result(best["ema"], best["raw"], best["step"], step, history)


def _step(
    lm: LMModel, sampler: Sampler, optimizer: torch.optim.Optimizer, config: TrainConfig, step: int
) -> dict[str, float]:
    """One optimizer step over `accumulate` batches of equal size; returns its losses and gradient norm."""
    device = next(lm.parameters()).device
    optimizer.zero_grad(set_to_none=True)
    per_codebook = torch.zeros(lm.num_codebooks)
    for micro in range(config.accumulate):
        batch = sampler.at(step * config.accumulate + micro)
        codes = torch.from_numpy(batch.codes).long().to(device)
        loss = musicgen.cross_entropy(lm, codes, musicgen.embed(lm, batch.texts)).mean(0)
        if not torch.isfinite(loss).all():
            raise UserError(
                f"the loss of step {step + 1} is {loss.mean().item()}: lower lr, or look at the tracks "
                + ", ".join(sorted(set(batch.track_ids)))
            )
        (loss.mean() / config.accumulate).backward()
        per_codebook += loss.detach().cpu() / config.accumulate
    norm = torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], config.clip_norm)
    optimizer.step()
    books = {f"train_ce_k{k}": value for k, value in enumerate(per_codebook.tolist())}
    return {"train_ce": float(per_codebook.mean()), "grad_norm": float(norm), **books}
