"""CLAP score (Wu et al., 2023): does a clip sound as its prompt reads, by a model of both through transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lowend.audio import windows
from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.metrics.absent import Absent
from lowend.metrics.bootstrap import mean
from lowend.models import devices, hub

Score = Callable[[Wave, int, str], float]

_PARAM = "evaluate.clap"


class Clap(NamedTuple):
    """transformers' model and the processor of its inputs."""

    model: Any
    processor: Any

    @property
    def width(self) -> int:
        """Dimensions of the space that sounds and texts share."""
        return int(self.model.config.projection_dim)


def load(name: str) -> Score:
    """A function from a clip [C, S], its Hz and its prompt to the cosine of their embeddings, -1..1.

    `name` is a folder, or a repository of the model hub with its commit: `laion/larger_clap_music@<commit>`.

    Raises:
        Absent: the commit is missing, or the weights cannot be had or are not CLAP's.
    """
    try:
        return partial(_score, read(name, _PARAM, f'{_PARAM}: ""'))
    except UserError as reason:
        raise Absent(str(reason)) from reason


def read(name: str, param: str, off: str) -> Clap:
    """The model that `param` names, ready to infer; `off` is the setting that does without.

    Raises:
        UserError: the commit is missing, or the weights cannot be had, lack some, or are not CLAP's.
    """
    repository, revision = hub.place(name, param, "score")
    from transformers import ClapModel, ClapProcessor

    processor = hub.fetch(partial(ClapProcessor.from_pretrained, repository, revision=revision), name, param, off)
    weights = partial(ClapModel.from_pretrained, repository, revision=revision)
    model = hub.fetch(partial(hub.whole, weights), name, param, off)
    return Clap(model.float().eval().to(devices.best()), processor)


@torch.inference_mode()
def embeddings(clap: Clap, wav: Wave, rate: int) -> NDArray[np.float64]:
    """Embeddings [N, D] of a clip [C, S], one for every ten seconds that begin on a whole second; at least one.

    Ten seconds, or what else the model hears at once; a clip that is shorter is repeated until it is as long.
    """
    extractor = clap.processor.feature_extractor
    longest, hop = int(extractor.nb_max_samples), int(extractor.sampling_rate)
    found = [_heard(clap, [part]) for part in windows.sliding(_mono(clap, wav, rate), longest, hop)]
    return torch.cat(found).double().cpu().numpy()


def _mono(clap: Clap, wav: Wave, rate: int) -> NDArray[np.float32]:
    return resample(wav.mean(0, keepdims=True), rate, int(clap.processor.feature_extractor.sampling_rate))[0]


def _heard(clap: Clap, parts: list[NDArray[np.float32]]) -> torch.Tensor:
    """Embeddings [n, D], each of length one, of n parts of mono audio at the extractor's rate."""
    extractor = clap.processor.feature_extractor
    heard = extractor(parts, sampling_rate=extractor.sampling_rate, return_tensors="pt").to(clap.model.device)
    heard["is_longer"] = torch.zeros_like(heard["is_longer"])  # fusion marks one of them at random
    found: torch.Tensor = clap.model.get_audio_features(**heard).pooler_output
    return found


@torch.inference_mode()
def _score(clap: Clap, wav: Wave, rate: int, text: str) -> float:
    model, processor = clap
    longest = int(processor.feature_extractor.nb_max_samples)  # of a longer one the extractor takes a random part
    sound = _heard(clap, windows.parts(_mono(clap, wav, rate), longest)).mean(0)
    read = processor.tokenizer(
        text, truncation=True, max_length=_longest(model), return_tensors="pt", return_token_type_ids=False
    ).to(model.device)
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
