"""CLAP score (Wu et al., 2023): does a clip sound as its prompt reads, by a model of both through transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.metrics.absent import Absent
from lowend.metrics.bootstrap import mean
from lowend.models import devices, hub

Score = Callable[[Wave, int, str], float]

_PARAM = "evaluate.clap"


def load(name: str) -> Score:
    """A function from a clip [C, S], its Hz and its prompt to the cosine of their embeddings, -1..1.

    `name` is a folder, or a repository of the model hub with its commit: `laion/larger_clap_music@<commit>`.

    Raises:
        Absent: the commit is missing, or the weights cannot be had or are not CLAP's.
    """
    try:
        processor, model = _read(name)
    except UserError as reason:
        raise Absent(str(reason)) from reason
    return partial(_score, model.float().eval().to(devices.best()), processor)


def _read(name: str) -> tuple[Any, Any]:
    """transformers' processor and model."""
    repository, revision = hub.place(name, _PARAM, "score")
    from transformers import ClapModel, ClapProcessor

    processor = hub.fetch(partial(ClapProcessor.from_pretrained, repository, revision=revision), name, _PARAM)
    weights = partial(ClapModel.from_pretrained, repository, revision=revision)
    return processor, hub.fetch(partial(weights, use_safetensors=True), name, _PARAM)


def windows(mono: NDArray[np.float32], length: int) -> list[NDArray[np.float32]]:
    """[S] in parts of at most `length` samples, alike in length: of a longer one the extractor takes a random part."""
    parts = max(1, -(-len(mono) // length))
    return [np.ascontiguousarray(part) for part in np.array_split(mono, parts)]


@torch.inference_mode()
def _score(model: Any, processor: Any, wav: Wave, rate: int, text: str) -> float:
    extractor = processor.feature_extractor
    mono = resample(wav.mean(0, keepdims=True), rate, int(extractor.sampling_rate))[0]
    parts = windows(mono, int(extractor.nb_max_samples))
    heard = extractor(parts, sampling_rate=extractor.sampling_rate, return_tensors="pt").to(model.device)
    heard["is_longer"] = torch.zeros_like(heard["is_longer"])  # fusion marks one of them at random
    read = processor.tokenizer(
        text, truncation=True, max_length=_longest(model), return_tensors="pt", return_token_type_ids=False
    ).to(model.device)
    sound = model.get_audio_features(**heard).pooler_output.mean(0)
    words = model.get_text_features(**read).pooler_output[0]
    return float(torch.cosine_similarity(sound, words, dim=0))


def _longest(model: Any) -> int:
    """Tokens of the longest text: positions of RoBERTa's start after its padding's own."""
    config = model.config.text_config
    return int(config.max_position_embeddings - config.pad_token_id - 1)


def summarise(scores: Sequence[float | None], resamples: int, name: str) -> dict[str, float]:
    """`clap`: the mean over the clips that have a score, with its interval; nothing where none has."""
    values = [score for score in scores if score is not None]
    return mean(values, resamples, f"{name}/clap").as_metrics("clap") if values else {}
