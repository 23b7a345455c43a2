"""MusicGen as a family of models: cross-entropy of codes, by codebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lowend.models import musicgen
from lowend.models.musicgen import MusicGen
from lowend.training import loss
from lowend.training.data import Batch


@dataclass(frozen=True, slots=True)
class MusicGenFamily:
    """See `family.Family`.

    scheduled_sampling: share of the codes that the model reads, while it learns, which it has drawn itself.
    """

    scheduled_sampling: float = 0.0

    @property
    def measure(self) -> str:
        """Cross-entropy."""
        return "ce"

    def parts(self, lm: MusicGen) -> Sequence[str]:
        """`k0`, `k1` and so on, the codebooks."""
        return [f"k{k}" for k in range(lm.num_codebooks)]

    def weigh(self, lm: MusicGen, batches: Sequence[Batch]) -> Sequence[Tensor | None]:
        """Weights [B, K, T] where the delay pattern puts the frames of each batch."""
        if all(batch.weights is None and batch.whole for batch in batches):
            return [None] * len(batches)
        frames = [
            np.ones((len(batch.codes), batch.codes.shape[2]), np.float32) if batch.weights is None else batch.weights
            for batch in batches
        ]
        return loss.weigh(frames, [batch.lengths for batch in batches], lm.delays)

    def losses(
        self, lm: MusicGen, batch: Batch, weights: Tensor | None, precision: str, generator: torch.Generator
    ) -> Tensor:
        """Cross-entropy [K] in nats; only what it reads of its own is random."""
        device = next(lm.parameters()).device
        codes, share = torch.from_numpy(batch.codes).long().to(device), self.scheduled_sampling
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            conditions = musicgen.embed(lm, batch.texts)
            read = loss.retold(lm, codes, conditions, share, generator) if share else None
            return loss.codebook_losses(lm, codes, conditions, None if weights is None else weights.to(device), read)

    def layers(self, lm: MusicGen) -> nn.ModuleList:
        """The decoder's."""
        return lm.transformer.layers

    def checkpoint(self, lm: MusicGen, on: bool) -> None:
        """As the decoder does it."""
        lm.transformer.checkpointing = on

    def compile(self, lm: MusicGen) -> None:
        """One graph for all layers, and one more where the text's length changes: it is dynamic from then on.

        Scheduled sampling reads without gradients, and has as many graphs of its own.
        """
        for layer in lm.transformer.layers:
            layer.compile()
