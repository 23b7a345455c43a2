"""A model in parts: of every weight, gradient, average and optimizer moment each process holds its share.

Layer by layer the weights are gathered for as long as they compute, and gradients are summed straight
into the shares (torch's FSDP2, whose parts are `DTensor`s: https://arxiv.org/abs/2304.11277). What leaves
training is whole and plain again. Of a model that was not split, everything here is what it seems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from lowend.training.team import Team

State = dict[str, Tensor]
Model = TypeVar("Model", bound=nn.Module)
Rest = ParamSpec("Rest")
Made = TypeVar("Made")

_ENTRY = "whole"
"""The method of a split model around which its weights are gathered: a loss is more than its `forward`."""


def split(model: nn.Module, layers: nn.ModuleList, team: Team) -> None:
    """Share the model out among a team that shards: each of its layers, and the rest as one.

    It moves to the team's device as it is split, so that it is whole in main memory alone.
    """
    if not team.sharded:
        return
    mesh = init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (team.size,))
    for module in (*layers, model):
        part = fully_shard(module, mesh=mesh, reshard_after_forward=True)
        # A micro-batch's weights hold its share of the step already: gradients are added up, no mean is taken.
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)  # gloo can only sum
    # Else a process would wait for ever where another's batch left a parameter out; one that all leave out gets zeros.
    part.set_reduce_scatter_unused_params(True)
    setattr(model, _ENTRY, lambda work, rest, named: work(model, *rest, **named))
    register_fsdp_forward_method(model, _ENTRY)


def run(work: Callable[Concatenate[Model, Rest], Made], model: Model, *rest: Rest.args, **named: Rest.kwargs) -> Made:
    """`work(model, ...)` with whole weights wherever it computes; every process must take part."""
    if not isinstance(model, FSDPModule):
        return work(model, *rest, **named)
    kept = torch.is_autocast_cache_enabled()
    try:
        torch.set_autocast_cache_enabled(False)  # it would hold a whole bfloat16 copy until the pass ends
        made: Made = getattr(model, _ENTRY)(work, rest, named)
        return made
    finally:
        torch.set_autocast_cache_enabled(kept)


def held(model: nn.Module) -> State:
    """What this process holds of the model's state, by the state's names: plain tensors that share its memory."""
    return {n: v.to_local() if isinstance(v, DTensor) else v for n, v in model.state_dict().items()}


def whole(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of a state, one whole one at a time; what was split is only given to the first process.

    That one gets it in main memory. Every process must go through all of them.
    """
    for name, value in state.items():
        if isinstance(value, DTensor):
            full = value.full_tensor()
            if torch.distributed.get_rank() == 0:
                yield name, full.cpu()
        else:
            yield name, value.detach() if isinstance(value, Tensor) else value


def states(model: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """`raw`, `ema` and `optimizer`: the state dicts with `whole` values."""
    found = optimizer.state_dict()
    moments = {number: dict(whole(own)) for number, own in found["state"].items()}
    weights = {"raw": dict(whole(model.state_dict())), "ema": dict(whole(averaged.state_dict()))}
    return {**weights, "optimizer": {**found, "state": moments}}


def load(
    model: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer, found: Mapping[str, Mapping[str, Any]]
) -> None:
    """Load what `states` returned, of however many processes; moments in a parameter's shape are split as it is."""
    for one, kind in ((model, "raw"), (averaged, "ema")):
        like = one.state_dict()
        one.load_state_dict({name: _share(value, like[name]) for name, value in found[kind].items()})
    owners = [p for group in optimizer.param_groups for p in group["params"]]
    moments = {
        number: {name: _share(value, owners[number]) for name, value in own.items()}
        for number, own in found["optimizer"]["state"].items()
    }
    optimizer.load_state_dict({**found["optimizer"], "state": moments})


def _share(value: Any, like: Tensor) -> Any:
    """This process's share of a whole tensor where `like` is split; other values as they are."""
    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)  # each cuts its own


def clip(parameters: Iterable[nn.Parameter], limit: float) -> float:
    """Scale the gradients down to a common norm of `limit`, in place; returns the norm that they had."""
    norm = nn.utils.clip_grad_norm_(parameters, limit)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
