"""One stage of the curriculum: a flat loop that can be killed at any step.

What a step does depends on the state and the step's number alone: batches, dropped words and
dropped conditions come from the sampler, a loss has its noise by the number of its batch, and the
models have no dropout. A state therefore needs no random generators, and training resumed equals
training straight through, to the bit on a CPU.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lowend.errors import UserError
from lowend.seeds import seed
from lowend.training import interrupt, methods, optimizers, resume, sharding
from lowend.training.config import TrainConfig
from lowend.training.data import Sampler
from lowend.training.family import Family
from lowend.training.schedule import ema_decay, lr_factor, update_ema
from lowend.training.team import ALONE, Team

State = dict[str, Tensor]
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Result:
    """Averaged and raw weights of the best validation, and how training went."""

    ema: State
    raw: State
    best_step: int
    last_step: int
    history: list[dict[str, float]]
    skipped: list[int]  # numbers of the batches that were left out


class NotFinite(Exception):
    """A step whose loss or gradient is no number; nothing was changed by it."""

    def __init__(self, what: str, value: float, tracks: Sequence[str]) -> None:
        super().__init__(what)
        self.what, self.value, self.tracks = what, value, sorted(set(tracks))


def _copy(state: State) -> State:
    """A whole copy in main memory, which a GPU's own is too dear for; of a split state on the first process alone."""
    return {name: value.to("cpu", copy=True) for name, value in sharding.whole(state)}


def _overwrite(kept: State, state: State) -> None:
    """Copy in place: two copies more for a moment would be the peak of the whole stage."""
    for name, value in sharding.whole(state):
        if name in kept:
            kept[name].copy_(value)


def _save(scratch: Path, state: dict[str, Any], keep: int, team: Team) -> None:
    if team.leads:
        resume.save(scratch, state["step"], state, keep)
    team.wait()


def train(
    family: Family[Model],
    lm: Model,
    sampler: Sampler,
    config: TrainConfig,
    lr: float,
    validate: Callable[[Model], float],
    scratch: Path,
    on_step: Callable[[dict[str, float]], None],
    team: Team = ALONE,
    hear: Callable[[int, State], None] | None = None,
) -> Result:
    """Train `lm` in place; `validate` scores the averaged weights, lower is better.

    With a team that shards, `lm` stays in parts, and the result's weights are the first process's alone.

    `on_step` gets one record a step (and, where there was one, its validation), also those of the
    steps before a kill, so that a log written from it is whole. `hear`, which all of a team give or none,
    gets the step and the averaged weights after each validation.

    A batch whose loss or gradient is not finite changes nothing: the weights are those of the last
    good step, the next batch takes its place, and `config.skips` such batches are borne.

    Raises:
        UserError: more batches than that were not finite; the message names the last one's tracks.
        Stopped: SIGINT or SIGTERM came; the state is saved.
    """
    methods.prepare(lm, family.layers(lm), config, sampler.name)
    averaged = copy.deepcopy(lm).eval()
    for model in (lm, averaged):
        sharding.split(model, family.layers(model), team)
    optimizer = optimizers.build(lm, config, lr, team)
    ema = averaged.state_dict()
    history: list[dict[str, float]] = []
    skipped: list[int] = []
    best: dict[str, Any] = {"loss": math.inf, "step": 0, "ema": _copy(ema), "raw": _copy(lm.state_dict())}
    step, misses, valid = 0, 0, f"valid_{family.measure}"
    state = resume.load(scratch, mapped=team.sharded)
    if state is not None:
        sharding.load(lm, averaged, optimizer, state)
        step, misses, history = state["step"], state["misses"], state["history"]
        skipped = state["skipped"]
        best |= {"loss": state["best"]["loss"], "step": state["best"]["step"]}
        _overwrite(best["ema"], state["best"]["ema"])
        _overwrite(best["raw"], state["best"]["raw"])
        for record in history:
            on_step(record)
    lm.train()
    family.checkpoint(lm, config.checkpointing)
    if config.compile:
        family.compile(lm)
    with interrupt.listen() as listener:
        while step < config.steps and misses < config.patience:
            for group in optimizer.param_groups:
                group["lr"] = lr * lr_factor(step, config.steps, config.warmup, config.schedule)
            try:
                made = _step(family, lm, sampler, optimizer, config, step + len(skipped), team)
            except NotFinite as problem:
                skipped.append(step + len(skipped))
                _bear(problem, step + 1, len(skipped), config.skips)
                continue
            record = {"lr": optimizer.param_groups[0]["lr"], **made}
            step += 1
            update_ema(sharding.held(averaged), sharding.held(lm), ema_decay(step, config.ema))
            validating = step % config.validate_every == 0 or step == config.steps
            if validating:
                record[valid] = team.agree(sharding.run(validate, averaged))
                if record[valid] < best["loss"]:
                    misses = 0
                    best |= {"loss": record[valid], "step": step}
                    _overwrite(best["ema"], ema)
                    _overwrite(best["raw"], lm.state_dict())
                else:
                    misses += 1
            history.append({"step": step, **record})
            on_step(history[-1])
            stopping = team.any(bool(listener.heard))
            if validating or stopping:
                counts = {"step": step, "misses": misses, "best": best, "history": history, "skipped": skipped}
                _save(scratch, sharding.states(lm, averaged, optimizer) | counts, config.keep, team)
            if validating and hear is not None:
                weights = _copy(ema)
                hear(step, methods.merged(lm, weights) if team.leads else weights)
                team.wait()
            if stopping:
                raise interrupt.Stopped(
                    f"stopped by {listener.heard or 'another process'} after step {step} of {config.steps}, "
                    "which is saved: run the same command again to go on"
                )
    lm.eval()
    family.checkpoint(lm, False)
    optimizer.zero_grad(set_to_none=True)
    averages, raw = methods.merged(lm, best["ema"]), methods.merged(lm, best["raw"])
    if not team.sharded:
        methods.strip(lm)
    return Result(averages, raw, best["step"], step, history, skipped)


def _bear(problem: NotFinite, step: int, count: int, skips: int) -> None:
    """Warn of a batch that is left out.

    Raises:
        UserError: it is one too many.
    """
    said = f"{problem.what} of step {step} is {problem.value}"
    tracks = ", ".join(problem.tracks)
    if count > skips:
        raise UserError(
            f"{said}, and train.skips allows {skips} such batches: lower lr, or look at the tracks {tracks}"
        )
    logging.getLogger(__name__).warning("%s; going on without its batch, of the tracks %s", said, tracks)


def _weights(given: Sequence[float], parts: Sequence[str]) -> Tensor:
    """Weights [P] of the parts of a loss, with a mean of one: they say what counts, and the learning rate how much.

    Raises:
        UserError: there are more or fewer of them than parts.
    """
    if given and len(given) != len(parts):
        raise UserError(
            f"params.yaml: `train.codebook_weights` holds {len(given)} weights, and the loss of this model has "
            f"{len(parts)} parts ({', '.join(parts)}): give each its own, or none with []"
        )
    weights = torch.tensor(given or [1.0] * len(parts))
    return weights / weights.mean()


def _step(
    family: Family[Model],
    lm: Model,
    sampler: Sampler,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    number: int,
    team: Team,
) -> dict[str, float]:
    """One optimizer step over `accumulate` batches, each counting by its frames; returns losses and gradient norm.

    Raises:
        NotFinite: a loss or the gradient is not; weights and optimizer are as they were.
    """
    first, parts = number * config.accumulate, family.parts(lm)
    batches = [sampler.at(first + micro) for micro in range(config.accumulate)]
    weights = family.weigh(lm, batches)
    table = torch.zeros(config.accumulate, len(parts), device=next(lm.parameters()).device)
    counts = _weights(config.codebook_weights, parts).to(table)
    optimizer.zero_grad(set_to_none=True)
    for micro in team.mine(config.accumulate):
        noise = torch.Generator().manual_seed(seed(sampler.name, "noise", first + micro))
        losses = sharding.run(family.losses, lm, batches[micro], weights[micro], config.precision, noise)
        # Position weights hold a batch's share of the step; without any, shares are equal.
        share = 1 / config.accumulate if weights[micro] is None else 1.0
        ((losses * counts).mean() * share).backward()
        table[micro] = losses.detach() * share
    losses_by_batch = team.sum(table).cpu()
    for batch, row in zip(batches, losses_by_batch, strict=True):
        if not torch.isfinite(row).all():
            raise NotFinite("the loss", float(row.mean()), batch.track_ids)
    team.sum_gradients(p for group in optimizer.param_groups for p in group["params"])
    norm = optimizers.clip(optimizer, config.clip_norm)
    if not math.isfinite(norm):
        raise NotFinite("the gradient norm", norm, [track for batch in batches for track in batch.track_ids])
    optimizer.step()
    by_part, name = losses_by_batch.sum(0), f"train_{family.measure}"
    each = {f"{name}_{part}": value for part, value in zip(parts, by_part.tolist(), strict=True)}
    return {name: float(by_part.mean()), "grad_norm": norm, **each}
