"""How codes are drawn from a language model's logits, as audiocraft draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """From the likeliest `top_k` tokens (0: from all), or, where `top_p` is above 0, from those that together hold it.

    Temperature 0 takes the likeliest. `guidance` is the scale of classifier-free guidance; 1 is none.
    """

    top_k: int
    top_p: float
    temperature: float
    guidance: float

    def __post_init__(self) -> None:
        if self.top_k < 0:
            raise ValueError(f"generate.top_k must be 0 or more, got {self.top_k}")
        if not 0 <= self.top_p <= 1:
            raise ValueError(f"generate.top_p must be between 0 and 1, got {self.top_p}")
        if self.temperature < 0:
            raise ValueError(f"generate.temperature must be 0 or more, got {self.temperature}")


def draw(logits: Tensor, sampling: Sampling, generators: Sequence[torch.Generator]) -> Tensor:
    """One code int64 [B, K] from logits [B, K, card], row i by generator i."""
    if sampling.temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits / sampling.temperature, -1)
    if sampling.top_p > 0:
        falling, codes = probabilities.sort(-1, descending=True)
        before = falling.cumsum(-1) - falling
        place = _draw(falling * (before <= sampling.top_p), generators)
        return codes.gather(-1, place[..., None])[..., 0]
    if sampling.top_k > 0:
        least = probabilities.topk(min(sampling.top_k, probabilities.shape[-1])).values[..., -1:]
        probabilities = probabilities * (probabilities >= least)
    return _draw(probabilities, generators)


def _draw(weights: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """One place [B, K] by weights [B, K, N], which need not add up to one."""
    shares = weights / weights.sum(-1, keepdim=True)
    pairs = zip(shares, generators, strict=True)
    return torch.stack([torch.multinomial(row, 1, generator=generator)[:, 0] for row, generator in pairs])
