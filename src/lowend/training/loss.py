"""The training loss: cross-entropy over codebooks, with weights for bands and none for padding.

A frame's weight is about what is heard in it (`BandWeights`), a position's weight is where the delay
pattern puts that frame in a codebook's sequence (`delayed`). Weights are divided by their sum over a
whole optimizer step, so that they shift attention and not the learning rate, and so that micro-batches
count by their tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowend.models import codebooks, musicgen
from lowend.models.conditioners import Conditions
from lowend.models.musicgen import MusicGen

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BandWeights:
    """How much a frame counts by the bands that sound in it.

    medians: of each band's energy over the frames of the train set in which it sounds, so that a
    band counts by how much more of it there is than usual, and not by how loud bass is beside cymbals.
    """

    weights: tuple[float, float, float]  # low, mid, high
    medians: tuple[float, float, float]

    def of_frames(self, energies: Array) -> Array:
        """Weights float32 [T] of frames with band energies [3, T]: the bands' weights, mixed by their shares.

        A silent frame weighs what a frame with equal shares weighs.
        """
        relative = energies.astype(np.float64) / np.array(self.medians)[:, None]
        total = relative.sum(0)
        shares = np.where(total > 0, relative / np.where(total > 0, total, 1.0), 1 / 3)
        mixed: Array = (np.array(self.weights) @ shares).astype(np.float32)
        return mixed


def medians(energies: Sequence[Array]) -> tuple[float, float, float]:
    """The median energy of each band over the frames [3, T] in which it sounds; 1 for a band that never does."""
    every = np.concatenate(energies, axis=1).astype(np.float64)
    low, mid, high = (float(np.median(band[band > 0])) if (band > 0).any() else 1.0 for band in every)
    return low, mid, high


def delayed(weights: Tensor, lengths: Tensor, delays: Sequence[int]) -> Tensor:
    """Weights [B, T] of frames where the delay pattern puts them: [B, K, T].

    Position j of codebook k predicts frame j - delays[k]. Positions without a frame weigh nothing, and
    neither do those at or after a row's length (int64 [B]): a padded row is the row alone.
    """
    positions = torch.arange(weights.shape[1])
    frames = positions - torch.tensor(list(delays))[:, None]
    real = (frames >= 0) & (positions < lengths[:, None, None])
    return weights[:, frames.clamp(min=0)] * real


def weigh(weights: Sequence[Array], lengths: Sequence[NDArray[np.int64]], delays: Sequence[int]) -> list[Tensor]:
    """Position weights [B, K, T] of the micro-batches of a step: over all of them, a codebook's sum to one."""
    placed = [delayed(torch.from_numpy(w), torch.from_numpy(n), delays) for w, n in zip(weights, lengths, strict=True)]
    totals = torch.stack([part.sum((0, 2)) for part in placed]).sum(0)
    return [part / totals.clamp(min=torch.finfo(torch.float32).tiny)[:, None] for part in placed]


@torch.no_grad()
def retold(lm: MusicGen, codes: Tensor, conditions: Conditions, share: float, generator: torch.Generator) -> Tensor:
    """Codes int64 [B, K, T], on average `share` of them (a row's is drawn, up to twice that) as the model tells them.

    In training all that a model reads is true, when it generates it reads its own: a wrong code makes the next
    likelier to be wrong, and clips end in a note that is held. One that has read its own codes finds its way back.
    It tells each from the true codes before it, all in one pass; those that are not predicted stay.
    Source: scheduled sampling (Bengio et al. 2015, https://arxiv.org/abs/1506.03099), at once for all positions
    as for transformers (Mihaylova & Martins 2019, https://arxiv.org/abs/1906.07651).
    """
    limits = 2 * share * torch.rand(len(codes), 1, 1, generator=generator)
    chosen = (torch.rand(codes.shape, generator=generator) < limits).to(codes.device)
    places = torch.rand(codes.shape, generator=generator).to(codes.device)
    read, kind = codes.clone(), codes.device.type
    # Copies of weights that autocast kept from here would have no gradient in the pass that learns.
    with torch.autocast(kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind), cache_enabled=False):
        hidden = lm.hidden(codebooks.read_to_predict(codes, lm.delays, lm.special_token_id), conditions)
        for k, (weight, shift) in enumerate(zip(lm.heads(), lm.delays, strict=True)):
            row, frame = chosen[:, k, : codes.shape[2] - shift].nonzero(as_tuple=True)
            logits = (hidden[row, frame + shift] @ weight.t()).float()
            sums = torch.softmax(logits, -1).cumsum(-1)
            found = torch.searchsorted(sums, places[row, k, frame][:, None] * sums[:, -1:], right=True)
            read[row, k, frame] = found[:, 0].clamp(max=lm.card - 1)
    return read


def codebook_losses(
    lm: MusicGen, codes: Tensor, conditions: Conditions, weights: Tensor | None, read: Tensor | None = None
) -> Tensor:
    """Cross-entropy in nats of codes int64 [B, K, T], per codebook: [K]; the model reads `read`, or the codes.

    Without weights, the mean over the batch. With position weights [B, K, T], the weighted sum.
    """
    if weights is None:
        return musicgen.cross_entropy(lm, codes, conditions, read).mean(0)
    return (musicgen.losses(lm, codes, conditions, read) * weights).sum((0, 2))
