"""A stereo MusicGen from audiocraft's files to sound: left and right stay two things all the way."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import oracles
import pytest
import torch
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel
from omegaconf import OmegaConf

from lowend.errors import UserError
from lowend.models import audiocraft_format, base, checkpoints, codec, musicgen
from lowend.models.sampling import Sampling

RATE, FRAMES = 32000, 25
LEFT, RIGHT = 0.3 * np.sin(2 * np.pi * np.array([[60.0], [440.0]]) * np.arange(RATE // 2) / RATE).astype(np.float32)
WAV = np.stack([LEFT, RIGHT]).astype(np.float32)


def published(folder: Path, per_timestep: bool = False) -> Path:
    """A stereo folder in audiocraft's format: the kit's mono codec, and a random model of eight codebooks."""
    settings = oracles.config(oracles.STEREO)
    settings["transformer_lm"]["card"] = 1024
    settings["interleave_stereo_codebooks"] = {"use": True, "per_timestep": per_timestep}
    torch.manual_seed(0)
    state = musicgen.build(settings, None, "cpu").state_dict()
    mono = kit.unpack(folder / "mono")
    checkpoints.write(folder / "lm", state, settings, {})
    audiocraft_format.write(folder / "published", folder / "lm", mono / "codec")
    return folder / "published"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base` and `codec` of a stereo model, beside `mono/base` and `mono/codec`."""
    root = tmp_path_factory.mktemp("stereo")
    base.unpack(published(root), {"base": "stereo"}, root / "base", root / "codec")
    return root


def theirs(models: Path) -> CompressionModel:
    settings = OmegaConf.create(checkpoints.read_json(models / "base", "config.json"))
    return builders.get_wrapped_compression_model(codec.load(models / "mono/codec"), settings)


def test_stereo_is_not_folded_to_mono_silently(models: Path) -> None:
    heard = codec.load(models / "codec")
    codes = codec.encode(heard, WAV)
    assert codes.dtype == np.int16 and codes.shape == (8, FRAMES)
    mono = codec.load(models / "mono/codec")
    np.testing.assert_array_equal(codes[0::2], codec.encode(mono, WAV[:1]))
    np.testing.assert_array_equal(codes[1::2], codec.encode(mono, WAV[1:]))
    with pytest.raises(ValueError, match=r"set normalize\.channels"):
        codec.encode(mono, WAV)


def test_codes_and_sound_are_those_of_audiocrafts_own_class(models: Path) -> None:
    heard, wanted = codec.load(models / "codec"), theirs(models)
    codes = torch.from_numpy(codec.encode(heard, WAV)).long()[None]
    with torch.no_grad():
        assert torch.equal(codes, wanted.encode(torch.from_numpy(WAV)[None])[0])
        np.testing.assert_array_equal(codec.decode(heard, codes), wanted.decode(codes).numpy())


def test_mono_is_heard_on_both_channels(models: Path) -> None:
    codes = codec.encode(codec.load(models / "codec"), WAV[:1])
    np.testing.assert_array_equal(codes[0::2], codes[1::2])


def test_a_stereo_model_learns_and_plays_two_channels(models: Path) -> None:
    lm, heard = musicgen.load(models / "base"), codec.load(models / "codec")
    codes = torch.from_numpy(codec.encode(heard, WAV)).long()[None]
    conditions = musicgen.embed(lm, oracles.TEXTS[:1])
    optimizer = torch.optim.AdamW(lm.parameters(), lr=1e-3)
    before = musicgen.cross_entropy(lm, codes, conditions).mean()
    before.backward()
    optimizer.step()
    assert musicgen.cross_entropy(lm, codes, conditions).mean() < before
    made = musicgen.generate(lm, ["dubstep"], [1], FRAMES, Sampling(250, 0.0, 1.0, 3.0))
    wav = codec.decode(heard, made)[0]
    assert made.shape == (1, 8, FRAMES) and wav.shape == (2, FRAMES * 640)
    assert np.abs(wav[0] - wav[1]).max() > 1e-3


def test_a_mono_codec_is_written_as_ever(models: Path) -> None:
    assert {path.name for path in (models / "mono/codec").iterdir()} == {
        "config.json", "lineage.json", "model.safetensors",
    }  # fmt: skip


def test_channels_by_turns_in_time_are_refused(tmp_path: Path) -> None:
    folder = published(tmp_path, per_timestep=True)
    with pytest.raises(UserError, match="state_dict.bin: interleave_stereo_codebooks.per_timestep"):
        base.unpack(folder, {}, tmp_path / "base", tmp_path / "codec")
