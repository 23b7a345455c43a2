"""A codec's latents: the kit's own codec, and transformers' EnCodec from a tiny checkpoint that is made here."""

from __future__ import annotations

import json
from pathlib import Path

import kit
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lowend.errors import UserError
from lowend.models import codec as codecs
from lowend.models import latents

PARAM, OFF = "evaluate.weights", "evaluate.embedder: starter"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.unpack(tmp_path_factory.mktemp("kit")) / "codec"


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EnCodec of two channels with random weights, in transformers' format."""
    from transformers import EncodecConfig, EncodecModel

    folder = tmp_path_factory.mktemp("encodec")
    torch.manual_seed(0)
    config = EncodecConfig(
        sampling_rate=24_000, audio_channels=2, hidden_size=8, codebook_dim=8, num_filters=4, codebook_size=16,
        upsampling_ratios=[8, 5, 4, 2], target_bandwidths=[1.5], norm_type="time_group_norm", use_causal_conv=False,
    )  # fmt: skip
    EncodecModel(config).eval().save_pretrained(folder)
    return folder


def music(seconds: float, rate: int) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * 90 * t * (1 + t / 9)))[None].astype(np.float32)


def test_windows_are_means_of_the_kits_frames_before_they_become_codes(ours: Path) -> None:
    wav = music(1.0, 32_000)
    found = latents.embeddings(latents.load(str(ours), PARAM, OFF), wav, 32_000)
    with torch.no_grad():
        frames = codecs.load(ours).encoder(torch.from_numpy(wav)[None])[0]
    assert frames.shape == (64, 50) and found.shape == (5, 64)
    np.testing.assert_allclose(found[1], frames[:, 10:20].mean(1).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("seconds", "count"), [(0.05, 1), (0.2, 1), (5.0, 25)])
def test_a_clip_has_five_windows_a_second_and_one_at_least(ours: Path, seconds: float, count: int) -> None:
    model = latents.load(str(ours), PARAM, OFF)
    assert latents.embeddings(model, music(seconds, 16_000), 16_000).shape == (count, model.width)


def test_transformers_codec_hears_a_mono_clip_on_both_channels(stereo: Path) -> None:
    from transformers import EncodecModel

    model, wav = latents.load(str(stereo), PARAM, OFF), music(1.0, 24_000)
    found = latents.embeddings(model, wav, 24_000)
    assert model[1:] == (24_000, 2, 8) and found.shape == (5, 8)
    np.testing.assert_array_equal(found, latents.embeddings(model, np.repeat(wav, 2, 0), 24_000))
    with torch.no_grad():
        frames = EncodecModel.from_pretrained(stereo).eval().encoder(torch.from_numpy(np.repeat(wav, 2, 0))[None])[0]
    np.testing.assert_allclose(found[0], frames[:, :15].mean(1).numpy(), rtol=1e-4, atol=1e-5)


def test_weights_that_transformers_would_make_up_are_refused(stereo: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((stereo / "config.json").read_bytes())
    state = load_file(stereo / "model.safetensors")
    part = {name: tensor for name, tensor in state.items() if not name.startswith("encoder.layers.0.")}
    assert len(part) < len(state)
    save_file(part, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"could not be loaded.*it lacks \d of the model's weights.*embedder: starter`"):
        latents.load(str(tmp_path), PARAM, OFF)


def test_what_is_no_codec_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(UserError, match=rf"evaluate.weights {tmp_path}: its weights could not be loaded"):
        latents.load(str(tmp_path), PARAM, OFF)
    with pytest.raises(UserError, match=r"`evaluate\.weights` must be a folder, or a hub repository with its commit"):
        latents.load("facebook/encodec_24khz", PARAM, OFF)
