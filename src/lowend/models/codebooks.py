"""The delay pattern of MusicGen, and the likelihood of codes under it.

Codebook k is shifted right by `delays[k]` steps, so that one step of the model predicts one code of each
codebook and later codebooks have seen the earlier ones of their frame: 0 1 2 3 for mono, 0 0 1 1 2 2 3 3
for stereo, whose codebooks alternate between left and right. All of it is index arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def delay(codes: Tensor, delays: Sequence[int], special: int) -> Tensor:
    """Codes int64 [B, K, T] -> delayed codes [B, K, T + max(delays)]; cells without a source hold `special`."""
    delayed = codes.new_full((*codes.shape[:2], codes.shape[2] + max(delays)), special)
    for k, shift in enumerate(delays):
        delayed[:, k, shift : shift + codes.shape[2]] = codes[:, k]
    return delayed


def undelay(delayed: Tensor, delays: Sequence[int]) -> Tensor:
    """The inverse of `delay`: [B, K, T + max(delays)] -> [B, K, T]."""
    frames = delayed.shape[2] - max(delays)
    return torch.stack([delayed[:, k, shift : shift + frames] for k, shift in enumerate(delays)], 1)


def read_to_predict(codes: Tensor, delays: Sequence[int], special: int) -> Tensor:
    """What the model reads, int64 [B, K, T], to predict the first T steps of `delay(codes)`: those, a step late.

    Training stops at step T, as audiocraft's does: the last `delays[k]` codes of codebook k are not predicted.
    """
    return F.pad(delay(codes, delays, special)[..., : codes.shape[2] - 1], (1, 0), value=special)


def losses(hidden: Tensor, heads: Sequence[Tensor], codes: Tensor, delays: Sequence[int]) -> Tensor:
    """Negative log-likelihood in nats at every position of the delayed codes: [B, K, T].

    Position j of codebook k predicts frame j - delays[k]; where there is no such frame it is zero, and no
    logits are computed. hidden: [B, T, D], the decoder's output for `read_to_predict(codes)`. heads: K
    weights [card, D]. codes: int64 [B, K, T].
    """
    frames = codes.shape[2]
    found = []
    for k, (weight, shift) in enumerate(zip(heads, delays, strict=True)):
        target = codes[:, k, : frames - shift]
        loss = _likelihood(hidden[:, shift:].flatten(0, 1), weight, target.flatten())
        found.append(F.pad(loss.view_as(target), (shift, 0)))
    return torch.stack(found, 1)


def _likelihood(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood float32 [N] of target [N] under hidden [N, D] and weight [card, D]."""
    kind = hidden.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
    loss: Tensor = _Likelihood.apply(hidden.to(dtype), weight, target)
    return loss


def gradient_type(weight: Tensor, computed: torch.dtype) -> torch.dtype:
    """The type in which a weight takes a gradient: as it was computed, where its `grad_dtype` allows any."""
    return computed if weight.is_leaf and weight.grad_dtype is None else weight.dtype


class _Likelihood(torch.autograd.Function):
    """Cross-entropy that keeps the slope of the loss instead of the logits.

    The logits are the largest tensor of a step. Their gradient, softmax minus one at the target, is known in
    the forward pass up to a factor for each row, and that factor can as well be applied to `hidden`, which
    is many times smaller. So the logits are visited once, and never copied, masked or read again. Nor is their
    exponential taken twice: the likeliest code's logit and its softmax tell what all were divided by, and
    unlike the target's that softmax is never too small to have a logarithm. The weight is brought to the type of
    `hidden` in both passes: a copy kept in between would be there when memory is shortest.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
        scores, at = hidden @ weight.to(hidden.dtype).t(), target[:, None]
        gap = (scores.amax(-1, keepdim=True).float() - scores.gather(1, at)).squeeze(1)
        slope = torch.softmax(scores, -1, dtype=torch.float32)
        loss = gap - slope.amax(-1).log()
        if any(ctx.needs_input_grad):
            slope.scatter_add_(1, at, -torch.ones_like(loss)[:, None])
            ctx.save_for_backward(hidden, weight, slope.to(hidden.dtype))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden, weight, slope = ctx.saved_tensors
        scale = grad[:, None]
        by_hidden = (scale * (slope @ weight.to(hidden.dtype))).to(hidden.dtype)
        by_weight = slope.t() @ (scale * hidden).to(hidden.dtype)
        return by_hidden, by_weight.to(gradient_type(weight, by_weight.dtype)), None
