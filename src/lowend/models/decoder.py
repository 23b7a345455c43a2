"""MusicGen's decoder: a pre-norm transformer that can attend to a text, with memory for generation.

Its parameters have audiocraft's names. There is no dropout: what a step does depends on its inputs alone.
Sources: audiocraft's modules/transformer.py and modules/rope.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from lowend.errors import UserError
from lowend.models.codebooks import gradient_type

_MAX_PERIOD = 10_000.0
_BLOCK = 128  # queries whose table of scores is made at a time

_FIXED = {
    "norm_first": True, "norm": "layer_norm", "activation": "gelu", "causal": True, "past_context": None,
    "bias_ff": False, "bias_attn": False, "bias_proj": False, "layer_scale": None, "xpos": False,
    "qk_layer_norm": False, "qk_layer_norm_cross": False, "kv_repeat": 1,
}  # fmt: skip
"""What audiocraft can build otherwise, and no published MusicGen has."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the decoder, as `xp.cfg` of audiocraft names them."""

    codebooks: int
    card: int  # codes of a codebook; one more stands for "no code"
    width: int
    heads: int
    layers: int
    hidden: int  # width of the feed-forward block
    delays: tuple[int, ...]
    cross: tuple[str, ...]  # conditions that every layer attends to
    prepend: tuple[str, ...]  # conditions that come before the codes, the first first
    positions: str  # sin, rope or sin_rope
    position_scale: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """The shape that a config asks for.

        Raises:
            UserError: the config asks for what only audiocraft's own class can build.
        """
        lm, fuser, pattern = config["transformer_lm"], config["fuser"], config["codebooks_pattern"]
        for key, value in _FIXED.items():
            if lm.get(key, value) != value:
                raise UserError(f"config.json: transformer_lm.{key} is {lm[key]!r}; only {value!r} can be trained")
        if fuser.get("sum") or fuser.get("input_interpolate") or fuser.get("cross_attention_pos_emb"):
            raise UserError("config.json: fuser may only hold conditions under cross and prepend")
        delayed = pattern.get("delay") or {}
        if pattern["modeling"] != "delay" or delayed.get("flatten_first") or delayed.get("empty_initial"):
            raise UserError("config.json: codebooks_pattern must be a plain delay")
        shape = cls(
            lm["n_q"], lm["card"], lm["dim"], lm["num_heads"], lm["num_layers"], int(lm["hidden_scale"] * lm["dim"]),
            tuple(delayed.get("delays") or range(lm["n_q"])), tuple(fuser["cross"]), tuple(fuser["prepend"]),
            lm.get("positional_embedding", "sin"), float(lm.get("positional_scale", 1.0)),
        )  # fmt: skip
        if len(shape.delays) != shape.codebooks:
            raise UserError(f"config.json: {len(shape.delays)} delays for {shape.codebooks} codebooks")
        return shape


@dataclass(frozen=True, slots=True)
class Past:
    """What a layer keeps from step to step of a generation, filled up to `Cache.length`."""

    keys: Tensor  # [B, H, S, D / H]
    values: Tensor
    text: tuple[Tensor, Tensor] | None  # keys and values [B, H, L, D / H], where there is a text


@dataclass(slots=True)
class Cache:
    """Memory of a generation. `forward` writes behind `length`; its caller moves `length` on, once a step."""

    layers: list[Past]
    steps: int
    heard: Tensor | None  # bool [B, 1, 1, L], where a text is not padding; None if nowhere
    length: int = 0


class Rotary(nn.Module):
    """Rotary positions: pairs of neighbouring channels turn with time."""

    frequencies: Tensor

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("frequencies", 1 / _MAX_PERIOD ** (torch.arange(0, width, 2).float() / width))

    def forward(self, x: Tensor, start: int) -> Tensor:
        """Turn x [B, H, T, D / H], whose first step is number `start`."""
        angles = torch.outer(torch.arange(start, start + x.shape[2], device=x.device).float(), self.frequencies)
        turn = torch.polar(torch.ones_like(angles), angles) * self.scale + (1 - self.scale)
        turned = torch.view_as_complex(x.float().unflatten(-1, (-1, 2))) * turn
        return torch.view_as_real(turned).flatten(-2).type_as(x)


def sinusoids(start: int, count: int, width: int, device: torch.device) -> Tensor:
    """Positions [count, D] of the steps from `start` on: cosines, then sines, of periods up to 10,000."""
    half = width // 2
    steps = torch.arange(start, start + count, device=device).float().unsqueeze(1)
    phase = steps / _MAX_PERIOD ** (torch.arange(half, device=device).float() / (half - 1))
    return torch.cat([phase.cos(), phase.sin()], 1)


class _Products(torch.autograd.Function):
    """Each x times the transpose of its rows of one weight, in a type narrower than the weight's.

    The narrow weight is made again in the backward pass rather than kept: at the length of a training crop the
    weights are larger than the activations, and a second copy of them costs more time to allocate than to make.
    A weight that takes gradients of any type (its `grad_dtype` is None) gets it as it was computed.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, dtype: torch.dtype, rows: list[int], *inputs: Tensor) -> tuple[Tensor, ...]:
        narrow = [x.to(dtype) for x in inputs]
        ctx.save_for_backward(weight, *narrow)
        ctx.rows, ctx.wide = rows, [x.dtype for x in inputs]
        ctx.by_weight = gradient_type(weight, dtype)
        return tuple(x @ part.to(dtype).t() for x, part in zip(narrow, weight.split(rows), strict=True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, *narrow = ctx.saved_tensors
        _, _, _, *wanted = ctx.needs_input_grad
        by_inputs = [
            (grad @ part.to(grad.dtype)).to(wide) if want else None
            for grad, part, wide, want in zip(grads, weight.split(ctx.rows), ctx.wide, wanted, strict=True)
        ]
        if not ctx.needs_input_grad[0]:
            return None, None, None, *by_inputs
        by_weight = torch.empty_like(weight, dtype=grads[0].dtype)
        for grad, x, part in zip(grads, narrow, by_weight.split(ctx.rows), strict=True):
            torch.mm(grad.flatten(0, -2).t(), x.flatten(0, -2), out=part)
        return by_weight.to(ctx.by_weight), None, None, *by_inputs


def products(inputs: Sequence[Tensor], weight: Tensor, rows: list[int]) -> tuple[Tensor, ...]:
    """Each x [..., I] times the transpose of its rows of weight [O, I], in autocast's type where that is on.

    rows: how many of them each x has, first to last; all of them together O.
    """
    kind = weight.device.type
    if kind != "cpu" or not torch.is_autocast_enabled(kind):
        return tuple(F.linear(x, part) for x, part in zip(inputs, weight.split(rows), strict=True))
    made: tuple[Tensor, ...] = _Products.apply(weight, torch.get_autocast_dtype(kind), rows, *inputs)
    return made


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., I] times the transpose of weight [O, I], in autocast's type where that is on."""
    return products([x], weight, [weight.shape[0]])[0]


class _Attention(torch.autograd.Function):
    """softmax(Q K^T / sqrt(D / H)) V by plain matrix products, a block of queries at a time.

    Where there are several blocks, scores are made again in the backward pass rather than kept: over all layers
    they would be the largest part of what a step remembers. Blocks leave out what lies ahead. The gradient of
    the softmax is that of https://arxiv.org/abs/2205.14135, appendix B.4.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
        ctx.causal = causal
        out, blocks = torch.empty_like(query), list(_blocks(query.shape[2], key.shape[2], causal))
        with torch.autocast("cpu", enabled=False):
            for rows, seen in blocks:
                shares = _shares(query[:, :, rows], key[:, :, :seen], rows if causal else None)
                out[:, :, rows] = shares @ value[:, :, :seen]
        ctx.save_for_backward(query, key, value, *([shares] if len(blocks) == 1 else []))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, *kept = ctx.saved_tensors
        scale = query.shape[-1] ** -0.5
        by_query = torch.empty_like(query)
        by_key, by_value = (torch.zeros_like(x, dtype=torch.float32) for x in (key, value))
        for rows, seen in _blocks(query.shape[2], key.shape[2], ctx.causal):
            asked, given, keys = query[:, :, rows], grad[:, :, rows], key[:, :, :seen]
            shares = kept[0] if kept else _shares(asked, keys, rows if ctx.causal else None)
            by_shares = given @ value[:, :, :seen].transpose(-1, -2)
            by_scores = torch._softmax_backward_data(by_shares, shares, -1, shares.dtype)
            by_query[:, :, rows] = by_scores @ keys * scale
            by_key[:, :, :seen] += by_scores.transpose(-1, -2) @ (asked * scale)
            by_value[:, :, :seen] += shares.transpose(-1, -2) @ given
        return by_query, by_key.to(key.dtype), by_value.to(value.dtype), None


def _blocks(queries: int, keys: int, causal: bool) -> Iterator[tuple[slice, int]]:
    """Rows of queries, and how many keys they see; so few that two blocks would do are one."""
    size = queries if queries <= 2 * _BLOCK else _BLOCK
    for start in range(0, queries, size):
        stop = min(queries, start + size)
        yield slice(start, stop), stop if causal else keys


def _shares(query: Tensor, key: Tensor, rows: slice | None) -> Tensor:
    """Shares [B, H, R, L] of each query's attention; queries that are numbers `rows` have none for what lies ahead."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if rows is not None:
        ahead = torch.ones(scores.shape[-2], key.shape[2] - rows.start, dtype=torch.bool).triu(1)
        scores[..., rows.start :].masked_fill_(ahead, -math.inf)
    return torch.softmax(scores, -1)


def attend(query: Tensor, key: Tensor, value: Tensor, causal: bool, mask: Tensor | None = None) -> Tensor:
    """Attention of [B, H, T, D / H] to keys and values [B, H, L, D / H]; a `mask` says what is attended to.

    torch's fused kernel, except in bfloat16 on a CPU, where its backward pass takes two to four times as long
    as plain matrix products (torch 2.14, 200 and 500 steps).
    """
    slow = query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.requires_grad and mask is None
    if slow:
        mixed: Tensor = _Attention.apply(query, key, value, causal)
        return mixed
    return F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)


class Attention(nn.Module):
    """Weights of one attention: queries, keys and values in one matrix, as audiocraft keeps them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.out_proj = nn.Linear(width, width, bias=False)
        nn.init.kaiming_uniform_(self.in_proj_weight, a=math.sqrt(5))

    def split(self, x: Tensor, count: int) -> list[Tensor]:
        """[B, T, count * D] -> count of [B, H, T, D / H]."""
        return [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in x.chunk(count, -1)]

    def join(self, x: Tensor) -> Tensor:
        """[B, H, T, D / H] -> [B, T, D], projected."""
        return product(x.transpose(1, 2).flatten(2), self.out_proj.weight)


class SelfAttention(Attention):
    """Causal attention of steps to each other and to those of the past."""

    def __init__(self, width: int, heads: int, rope: Rotary | None) -> None:
        super().__init__(width, heads)
        self.rope = rope

    def forward(self, x: Tensor, past: Past | None, start: int) -> Tensor:
        """x [B, T, D], whose first step is number `start`; its keys and values are written into `past`."""
        query, key, value = self.split(product(x, self.in_proj_weight), 3)
        if self.rope is not None:
            query, key = self.rope(query, start), self.rope(key, start)
        if past is None or start == 0:
            mixed = attend(query, key, value, causal=True)
        if past is not None:
            end = start + x.shape[1]
            past.keys[:, :, start:end], past.values[:, :, start:end] = key, value
            if start > 0:
                steps = (x.shape[1], end)
                known = None if steps[0] == 1 else torch.ones(steps, dtype=torch.bool, device=x.device).tril(start)
                mixed = attend(query, past.keys[:, :, :end], past.values[:, :, :end], False, known)
        return self.join(mixed)


class CrossAttention(Attention):
    """Attention of steps to a text."""

    def read(self, source: Tensor | None) -> tuple[Tensor, Tensor]:
        """Keys and values of a text [B, L, D]."""
        assert source is not None, "a model with cross-attention needs a text"
        key, value = self.split(product(source, self.in_proj_weight[source.shape[2] :]), 2)
        return key, value

    def forward(self, x: Tensor, source: Tensor | None, past: Past | None, heard: Tensor | None) -> Tensor:
        """x [B, T, D] and the text, as [B, L, D] or as `past` remembers it; only where `heard` is true, if given."""
        width = x.shape[2]
        if past is None:
            assert source is not None, "a model with cross-attention needs a text"
            asked, read = products([x, source], self.in_proj_weight, [width, 2 * width])
            key, value = self.split(read, 2)
        else:
            assert past.text is not None, "the memory of a generation lacks the text"
            asked, (key, value) = product(x, self.in_proj_weight[:width]), past.text
        (query,) = self.split(asked, 1)
        return self.join(attend(query, key, value, False, heard))


class Layer(nn.Module):
    """Self-attention, cross-attention where there is a text to attend to, and a feed-forward block."""

    def __init__(self, shape: Shape, rope: Rotary | None) -> None:
        super().__init__()
        self.self_attn = SelfAttention(shape.width, shape.heads, rope)
        self.linear1 = nn.Linear(shape.width, shape.hidden, bias=False)
        self.linear2 = nn.Linear(shape.hidden, shape.width, bias=False)
        self.norm1, self.norm2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.cross_attention = CrossAttention(shape.width, shape.heads) if shape.cross else None
        self.norm_cross = nn.LayerNorm(shape.width) if shape.cross else None

    def forward(self, x: Tensor, source: Tensor | None, past: Past | None, start: int, heard: Tensor | None) -> Tensor:
        """x [B, T, D]; the text is `source` [B, L, D], or what `past` remembers of it."""
        x = x + self.self_attn(self.norm1(x), past, start)
        if self.cross_attention is not None and self.norm_cross is not None:
            x = x + self.cross_attention(self.norm_cross(x), source, past, heard)
        return x + product(F.gelu(product(self.norm2(x), self.linear1.weight)), self.linear2.weight)


class Transformer(nn.Module):
    """The layers, and the positions of their steps."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        rotary = shape.positions in ("rope", "sin_rope")
        self.rope = Rotary(shape.width // shape.heads, shape.position_scale) if rotary else None
        self.layers = nn.ModuleList([Layer(shape, self.rope) for _ in range(shape.layers)])
        self.checkpointing = False  # keep one activation a layer, compute the others again in the backward pass

    def forward(self, x: Tensor, source: Tensor | None, cache: Cache | None) -> Tensor:
        """x [B, T, D] through all layers; `source` [B, L, D] is what they attend to, if anything."""
        start, heard = (cache.length, cache.heard) if cache is not None else (0, None)
        if self.shape.positions != "rope":
            x = x + self.shape.position_scale * sinusoids(start, x.shape[1], x.shape[2], x.device)
        for index, layer in enumerate(self.layers):
            past = cache.layers[index] if cache is not None else None
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, source, past, start, heard, use_reentrant=False, preserve_rng_state=False)
            else:
                x = layer(x, source, past, start, heard)
        return x

    def remember(self, source: Tensor | None, mask: Tensor | None, rows: int, steps: int) -> Cache:
        """An empty cache for `steps` steps of `rows` rows, with every layer's keys and values of the text.

        mask: bool [B, L], where the text `source` is not padding. A row of nothing but padding is all zeros,
        so that whatever it attends to, it hears nothing.
        """
        heads, weight = self.shape.heads, next(self.parameters())
        size = (rows, heads, steps, self.shape.width // heads)
        layers = []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            text = layer.cross_attention.read(source) if layer.cross_attention is not None else None
            layers.append(Past(weight.new_zeros(size), weight.new_zeros(size), text))
        heard = None if mask is None else mask | ~mask.any(1, keepdim=True)
        return Cache(layers, steps, None if heard is None or bool(heard.all()) else heard[:, None, None])
