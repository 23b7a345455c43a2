"""The processes that train one stage together; one alone is a team, too.

Every process draws the same batches and holds the whole model, or with LOWEND_SHARD its share of it
(`sharding`). Of a step's `accumulate` forward passes each computes its share, and gradients are summed:
how many processes there are changes only who computes what. `torchrun` says who is who in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from lowend.errors import UserError


@dataclass(frozen=True, slots=True)
class Team:
    """This process's number, how many there are, and whether the model is shared out among them."""

    rank: int
    size: int
    sharded: bool = False

    @property
    def leads(self) -> bool:
        """Whether this process writes what the team made."""
        return self.rank == 0

    def mine(self, count: int) -> range:
        """Which of `count` forward passes this process computes."""
        return range(self.rank, count, self.size)

    def sum(self, value: Tensor) -> Tensor:
        """The sum over the team, in place."""
        if self.size > 1:
            torch.distributed.all_reduce(value)
        return value

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Give every process the sum of all gradients; one that is missing everywhere stays missing."""
        if self.size == 1 or self.sharded:  # the backward pass has summed what is shared out
            return
        owned = list(parameters)
        have = self.sum(torch.tensor([float(p.grad is not None) for p in owned], device=owned[0].device))
        for parameter, count in zip(owned, have.tolist(), strict=True):
            if count:
                grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = self.sum(grad)

    def any(self, mine: bool) -> bool:
        """Whether it holds for any process."""
        return bool(self.sum(torch.tensor(float(mine))).item()) if self.size > 1 else mine

    def agree(self, value: float) -> float:
        """The first process's value, so that no rounding sends processes apart."""
        if self.size == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64)
        torch.distributed.broadcast(told, 0)
        return float(told)

    def wait(self) -> None:
        """Until everybody is here."""
        if self.size > 1:
            torch.distributed.barrier()


ALONE = Team(0, 1)


def join(accumulate: int) -> Team:
    """The team that the environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), or this process alone.

    Raises:
        UserError: there are more processes than forward passes in a step, or LOWEND_SHARD is set and they are not
            the same number for each process.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    sharded = size > 1 and bool(os.environ.get("LOWEND_SHARD"))
    if size > accumulate:
        raise UserError(
            f"LOWEND_LAUNCH starts {size} processes, and params.yaml has train.accumulate {accumulate} forward passes "
            "for them to share: raise accumulate (and lower batch_size), or start fewer"
        )
    if sharded and accumulate % size:
        raise UserError(
            f"LOWEND_SHARD has all {size} processes of LOWEND_LAUNCH compute at once, and params.yaml has "
            f"train.accumulate {accumulate}: make accumulate a multiple of {size}, start another number, or unset it"
        )
    if size == 1:
        return ALONE
    if not torch.distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return Team(int(os.environ["RANK"]), size, sharded)
