"""MusicGen's language model as audiocraft builds it: load, loss, generate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import audiocraft.utils.utils as audiocraft_utils
import torch
import torch.nn.functional as F
from audiocraft.models import builders
from audiocraft.models.lm import LMModel
from audiocraft.modules import conditioners
from audiocraft.modules.conditioners import ConditioningAttributes
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from lowend.models import checkpoints

FRAME_RATE = 50
"""Frames of codes a second, of every published MusicGen and of the starter."""

Conditions = dict[str, tuple[Tensor, Tensor]]


def register_t5(folder: Path) -> str:
    """Make audiocraft accept a local T5 folder as a text encoder; returns the name to put into the config."""
    name = str(folder.resolve())
    if name not in conditioners.T5Conditioner.MODELS:
        width = checkpoints.read_json(folder, "config.json")["d_model"]
        conditioners.T5Conditioner.MODELS.append(name)
        conditioners.T5Conditioner.MODELS_DIMS[name] = width
    return name


def build(config: DictConfig, t5: Path | None, device: str) -> LMModel:
    """An `LMModel` with fresh weights; `t5` replaces the config's text encoder where it is a folder.

    Word dropout inside the text encoder is switched off: the sampler drops words, from its own seed.
    """
    config = config.copy()
    config.device, config.dtype = device, "float32"
    config.conditioners.description.t5.word_dropout = 0.0
    if t5 is not None and t5.is_dir():
        config.conditioners.description.t5.name = register_t5(t5)
    return builders.get_lm_model(config)


def load(folder: Path, device: str = "cpu") -> LMModel:
    """The language model of a checkpoint folder, in evaluation mode, float32."""
    config = OmegaConf.create(checkpoints.read_json(folder, "config.json"))
    lm = build(config, folder / "t5", device)
    lm.load_state_dict(checkpoints.read_state(folder))
    return lm.eval()


def embed(lm: LMModel, texts: Sequence[str | None]) -> Conditions:
    """Condition tensors of texts; None is the null condition of classifier-free guidance."""
    attributes = [ConditioningAttributes(text={"description": text}) for text in texts]
    conditions: Conditions = lm.condition_provider(lm.condition_provider.tokenize(attributes))
    return conditions


def cross_entropy(lm: LMModel, codes: Tensor, conditions: Conditions) -> Tensor:
    """Cross-entropy in nats of codes int64 [B, K, T], per sequence and codebook: [B, K].

    Positions that the delay pattern leaves undefined (the last k of codebook k) do not count, as in
    audiocraft's solver; the mean over [B, K] is its training loss. It is taken on the delayed
    sequence itself: audiocraft's `compute_predictions` first copies the logits back into the order
    of `codes`, which costs a CPU an eighth of the step.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes, lm.special_token_id, keep_only_valid_steps=True)
    target = sequence[..., 1:]
    logits = lm(sequence[..., :-1], [], conditions).float()
    loss = F.cross_entropy(logits.flatten(0, 2), target.flatten(), ignore_index=lm.special_token_id, reduction="none")
    return loss.view_as(target).sum(-1) / (target != lm.special_token_id).sum(-1)


@contextmanager
def _row_generators(seeds: Sequence[int], device: torch.device) -> Iterator[None]:
    """Give every row of a batch its own generator, so that its size changes no sample."""
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    original = audiocraft_utils.multinomial

    def multinomial(probs: Tensor, num_samples: int, **_: object) -> Tensor:
        rows = [
            torch.multinomial(row, num_samples, generator=generator)
            for row, generator in zip(probs, generators, strict=True)
        ]
        return torch.stack(rows)

    audiocraft_utils.multinomial = multinomial
    try:
        yield
    finally:
        audiocraft_utils.multinomial = original


@torch.no_grad()
def generate(
    lm: LMModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    frames: int,
    top_k: int,
    temperature: float,
    guidance: float,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Sample codes int64 [B, K, frames], row i from prompt i with seed i and classifier-free guidance.

    A row depends on its own seed alone, and on the batch only through the longest prompt: audiocraft
    pads texts to it and attends to the padding.
    """
    attributes = [ConditioningAttributes(text={"description": text}) for text in prompts]
    with _row_generators(seeds, next(lm.parameters()).device):
        codes: Tensor = lm.generate(
            conditions=attributes,
            max_gen_len=frames,
            temp=temperature,
            top_k=top_k,
            cfg_coef=guidance,
            callback=on_progress,
        )
    return codes
