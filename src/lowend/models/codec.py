"""The neural codec: EnCodec from a checkpoint folder, wav [C, S] to codes [K, T] and back.

A stereo model hears with the mono codec once a channel: codebooks are left, right, left, right.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel, HFEncodecCompressionModel, InterleaveStereoCompressionModel
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor

from lowend.audio.io import Wave, set_channels
from lowend.models import checkpoints


def load(folder: Path, device: str = "cpu") -> CompressionModel:
    """The codec of `folder`: audiocraft's (config.json, model.safetensors) or transformers' (hf/).

    With stereo.json it has two channels and twice the codebooks.
    """
    model = _load_plain(folder, device)
    if (folder / checkpoints.STEREO_FILE).exists():
        model = InterleaveStereoCompressionModel(model, **checkpoints.read_json(folder, checkpoints.STEREO_FILE))
    return model.to(device).eval()


def _load_plain(folder: Path, device: str) -> CompressionModel:
    if (folder / "hf").is_dir():
        from transformers import EncodecModel

        return HFEncodecCompressionModel(EncodecModel.from_pretrained(folder / "hf"))
    config = OmegaConf.create(checkpoints.read_json(folder, "config.json"))
    config.device = device
    model = builders.get_compression_model(config)
    model.load_state_dict(checkpoints.read_state(folder))
    return model


@torch.no_grad()
def encode(codec: CompressionModel, wav: Wave) -> NDArray[np.int16]:
    """Codes int16 [K, T] of wav [C, S] at the codec's own rate; a stereo codec hears mono on both channels.

    Raises:
        ValueError: stereo for a mono codec.
    """
    if wav.shape[0] > codec.channels:
        raise ValueError(
            f"the codec wants {codec.channels} channels, the audio has {wav.shape[0]}: set normalize.channels"
        )
    where = next(codec.parameters()).device
    codes, scale = codec.encode(torch.from_numpy(set_channels(wav, codec.channels))[None].to(where))
    assert scale is None, "codecs that renormalise are not supported by MusicGen"
    return codes[0].cpu().numpy().astype(np.int16)


@torch.no_grad()
def decode(codec: CompressionModel, codes: Tensor) -> Wave:
    """wav float32 [B, C, S] of codes [B, K, T]."""
    wav: Wave = codec.decode(codes.long()).float().cpu().numpy()
    return wav
