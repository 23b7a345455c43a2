"""A neural codec's continuous latents, before they become codes, as an embedding of a fifth of a second."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lowend.audio.io import Wave, resample, set_channels
from lowend.models import codec as codecs
from lowend.models import hub

WINDOW_S = 0.2
"""Seconds whose frames are averaged: one frame alone (13 to 20 ms) is mostly the phase of a bass."""


class Latents(NamedTuple):
    """An encoder, and the audio that it hears."""

    encoder: nn.Module  # [1, C, S] -> [1, D, T]
    sample_rate: int
    channels: int
    width: int  # D


def load(name: str, param: str, off: str) -> Latents:
    """The encoder of a codec: a folder of this repository's or of transformers', or a hub repository at its commit.

    Raises:
        UserError: there is no codec there.
    """
    repository, revision = hub.place(name, param, "figures")
    if _is_ours(Path(name)):
        return _latents(codecs.load(Path(name)))
    from transformers import EncodecModel

    read = partial(EncodecModel.from_pretrained, repository, revision=revision)
    return _latents(hub.fetch(partial(hub.whole, read), name, param, off).eval())


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds a codec as `models/codec` does: audiocraft's configuration, or `hf/`."""
    config = folder / "config.json"
    return (folder / "hf").is_dir() or (config.is_file() and "compression_model" in json.loads(config.read_text()))


def _latents(codec: Any) -> Latents:
    while not hasattr(codec, "encoder"):  # what hears stereo twice, or wraps transformers'
        codec = codec.model
    config = getattr(codec, "config", None)
    rate, channels = (config.sampling_rate, config.audio_channels) if config else (codec.sample_rate, codec.channels)
    width = config.hidden_size if config else codec.quantizer.dimension
    return Latents(codec.encoder, int(rate), int(channels), int(width))


@torch.no_grad()
def embeddings(model: Latents, wav: Wave, rate: int) -> NDArray[np.float64]:
    """Embeddings [N, D] of a clip [C, S], the mean latent of every fifth of a second; of the whole where it is shorter.

    As the published tools have it, the encoder hears the clip at its own level.
    """
    heard = torch.from_numpy(resample(set_channels(wav, model.channels), rate, model.sample_rate))
    where = next(model.encoder.parameters()).device
    frames = model.encoder(heard[None].to(where))[0].double().cpu().numpy().T
    size = max(1, round(len(frames) * WINDOW_S * model.sample_rate / heard.shape[1]))
    count = len(frames) // size
    return frames[: count * size].reshape(count, size, -1).mean(1) if count else frames.mean(0, keepdims=True)
