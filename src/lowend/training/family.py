"""What the training loop knows of a family of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from lowend.training.data import Batch

Model = TypeVar("Model", bound=nn.Module, contravariant=True)


class Family(Protocol[Model]):
    """A family's loss, and the places in its model that training touches. Stateless: the model is an argument."""

    @property
    def measure(self) -> str:
        """Short name of the loss in records, as in `train_ce`; families with different losses differ in it."""

    def parts(self, model: Model) -> Sequence[str]:
        """Names of the P parts that the loss is the mean of."""

    def weigh(self, model: Model, batches: Sequence[Batch]) -> Sequence[Tensor | None]:
        """For each batch of a step its position weights, which sum to one over the step, or None where all count alike.

        It is None for all batches of a step or for none.
        """

    def losses(
        self, model: Model, batch: Batch, weights: Tensor | None, precision: str, generator: torch.Generator
    ) -> Tensor:
        """Losses [P] of one batch; whatever is random comes from `generator`, a CPU's.

        Without weights the mean over the batch, with them the weighted sum. bf16 computes in bfloat16 under
        autocast; weights and their updates stay float32.
        """

    def layers(self, model: Model) -> nn.ModuleList:
        """The layers that can be frozen or get low-rank updates, first to last."""

    def checkpoint(self, model: Model, on: bool) -> None:
        """Keep one activation a layer and compute the rest again, or keep all."""

    def compile(self, model: Model) -> None:
        """Have torch compile the layers, each on its own, when they are next called."""
