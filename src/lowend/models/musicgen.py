"""MusicGen's language model: load, loss, generate.

Embeddings of K codebooks are summed, go through the decoder (`decoder`) together with conditions
(`conditioners`), and K heads predict the next code of each codebook in the order of the delay pattern
(`codebooks`). Parameters have audiocraft's names, so that its state files load as they are.
Source: audiocraft's models/lm.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from lowend.models import checkpoints, codebooks
from lowend.models.conditioners import ConditionProvider, Conditions
from lowend.models.decoder import Cache, Shape, Transformer
from lowend.models.sampling import Sampling, draw

FRAME_RATE = 50
"""Frames of codes a second, of every published MusicGen and of the starter."""


class MusicGen(nn.Module):
    """Logits of the codes of each step, given those of the steps before and the conditions."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.shape = shape = Shape.of(config)
        self.condition_provider = ConditionProvider(config, shape.width)
        self.emb = nn.ModuleList([nn.Embedding(shape.card + 1, shape.width) for _ in range(shape.codebooks)])
        self.transformer = Transformer(shape)
        self.out_norm = nn.LayerNorm(shape.width)
        self.linears = nn.ModuleList([nn.Linear(shape.width, shape.card, bias=False) for _ in range(shape.codebooks)])
        self._initialise()

    def _initialise(self) -> None:
        """Normal weights of audiocraft's size: 1 / sqrt(inputs), smaller the deeper the layer."""
        deep = [(m, n + 1) for n, layer in enumerate(self.transformer.layers) for m in layer.modules()]
        for module, depth in [*((m, 0.5) for m in (*self.emb, *self.linears)), *deep]:
            if isinstance(module, nn.Linear | nn.Embedding):
                std = 1 / math.sqrt(2 * depth * module.weight.shape[1])
                nn.init.trunc_normal_(module.weight, 0.0, std, -3 * std, 3 * std)

    @property
    def num_codebooks(self) -> int:
        """K."""
        return self.shape.codebooks

    @property
    def card(self) -> int:
        """Codes of a codebook."""
        return self.shape.card

    @property
    def dim(self) -> int:
        """Width D."""
        return self.shape.width

    @property
    def special_token_id(self) -> int:
        """What stands where the delay pattern has no code."""
        return self.shape.card

    @property
    def delays(self) -> tuple[int, ...]:
        """Steps by which each codebook comes late."""
        return self.shape.delays

    def _heard(self, conditions: Conditions, part: int) -> Tensor | None:
        """Embeddings (part 0) or masks (part 1) of what the layers attend to; None where nothing is attended to."""
        return torch.cat([conditions[name][part] for name in self.shape.cross], 1) if self.shape.cross else None

    def new_cache(self, conditions: Conditions, steps: int) -> Cache:
        """Memory for `steps` steps of codes, and for the conditions that come before them."""
        rows = next(iter(conditions.values()))[0].shape[0]
        mask = self._heard(conditions, 1)
        before = sum(conditions[name][0].shape[1] for name in self.shape.prepend)
        source = self._heard(conditions, 0)
        return self.transformer.remember(source, None if mask is None else mask.bool(), rows, before + steps)

    def hidden(self, delayed_codes: Tensor, conditions: Conditions, cache: Cache | None = None) -> Tensor:
        """The decoder's output [B, T, D] for the steps of delayed codes int64 [B, K, T].

        Raises:
            ValueError: the steps do not fit into the cache.
        """
        x: Tensor = sum(table(delayed_codes[:, k]) for k, table in enumerate(self.emb))
        if cache is None or cache.length == 0:
            x = torch.cat([*(conditions[name][0] for name in self.shape.prepend), x], 1)
        if cache is not None and cache.length + x.shape[1] > cache.steps:
            raise ValueError(f"{cache.length} + {x.shape[1]} steps do not fit into a cache of {cache.steps}")
        out: Tensor = self.out_norm(self.transformer(x, self._heard(conditions, 0), cache))
        return out[:, -delayed_codes.shape[2] :]

    def heads(self) -> list[Tensor]:
        """Weights [card, D] of the K heads."""
        return [head.weight for head in self.linears if isinstance(head, nn.Linear)]

    def forward(self, delayed_codes: Tensor, conditions: Conditions, cache: Cache | None = None) -> Tensor:
        """Logits [B, K, T, card] of what follows each step of delayed codes int64 [B, K, T]."""
        out = self.hidden(delayed_codes, conditions, cache)
        return torch.stack([head(out) for head in self.linears], 1)


def build(config: DictConfig | Mapping[str, Any], t5: Path | None, device: str) -> MusicGen:
    """A model with fresh weights; `t5` replaces the config's text encoder where it is a folder.

    Words are not dropped inside the text encoder: the sampler drops them, from its own seed.
    """
    plain = OmegaConf.to_container(OmegaConf.create(config))
    assert isinstance(plain, dict), "the config is no mapping"
    if t5 is not None and t5.is_dir():
        plain["conditioners"]["description"]["t5"]["name"] = str(t5.resolve())
    with torch.device(device):
        return MusicGen({str(k): v for k, v in plain.items()})


def load(folder: Path, device: str = "cpu") -> MusicGen:
    """The language model of a checkpoint folder, in evaluation mode, float32."""
    lm = build(checkpoints.read_json(folder, "config.json"), folder / "t5", "meta")
    lm.load_state_dict(checkpoints.read_state(folder), assign=True)
    return lm.to(device).eval()


def embed(lm: MusicGen, texts: Sequence[str | None], chroma: Tensor | None = None) -> Conditions:
    """Conditions of texts, and of melodies as chroma float [B, F, bins] for models that know them.

    None is the null condition of classifier-free guidance.
    """
    conditions: Conditions = lm.condition_provider(texts, chroma)
    return conditions


def losses(lm: MusicGen, codes: Tensor, conditions: Conditions, read: Tensor | None = None) -> Tensor:
    """Negative log-likelihood in nats at every position of the delayed codes: int64 [B, K, T] -> [B, K, T].

    Position j of codebook k predicts frame j - delays[k]; where there is no such frame it is zero. `read`
    are the codes that the model reads in place of those that it is asked for.
    """
    read = codes if read is None else read
    out = lm.hidden(codebooks.read_to_predict(read, lm.delays, lm.special_token_id), conditions)
    return codebooks.losses(out, lm.heads(), codes, lm.delays)


def cross_entropy(lm: MusicGen, codes: Tensor, conditions: Conditions, read: Tensor | None = None) -> Tensor:
    """Cross-entropy in nats of codes int64 [B, K, T], per sequence and codebook: [B, K]; `read` as in `losses`.

    Positions that the delay pattern leaves undefined do not count, as in audiocraft's solver; the mean over
    [B, K] is its training loss.
    """
    frames = codes.shape[2]
    counts = torch.tensor([frames - shift for shift in lm.delays], device=codes.device)
    return losses(lm, codes, conditions, read).sum(-1) / counts


@torch.no_grad()
def generate(
    lm: MusicGen,
    prompts: Sequence[str],
    seeds: Sequence[int],
    frames: int,
    sampling: Sampling,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Sample codes int64 [B, K, frames], row i from prompt i with seed i and classifier-free guidance.

    A row depends on its own prompt and seed alone: the padding that a longer prompt of its batch causes is
    not attended to. (Where texts come before the codes, as in the melody models, it still moves their positions.)
    """
    conditions = embed(lm, [*prompts, *[None] * len(prompts)])
    device = lm.out_norm.weight.device
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    steps = frames + max(lm.delays)
    cache = lm.new_cache(conditions, steps)
    blank = torch.full((len(prompts), lm.num_codebooks, frames), -1, device=device)
    delayed = codebooks.delay(blank, lm.delays, lm.special_token_id)
    last = delayed.new_full((len(prompts), lm.num_codebooks), lm.special_token_id)
    for step in range(steps):
        logits = lm(last.repeat(2, 1)[:, :, None], conditions, cache)[:, :, -1]
        cache.length += 1 if cache.length else 1 + cache.steps - steps
        told, untold = logits.chunk(2)
        found = draw(untold + (told - untold) * sampling.guidance, sampling, generators)
        last = torch.where(delayed[:, :, step] == -1, found, delayed[:, :, step])
        delayed[:, :, step] = last
        if on_progress is not None:
            on_progress(step + 1, steps)
    return codebooks.undelay(delayed, lm.delays)
