"""What is released for transformers makes the same clips there; what it could not make there is not released."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import oracles
import pytest
import torch
import transformers as hf

from lowend.errors import UserError
from lowend.models import checkpoints, musicgen, musicgen_output, transformers_release
from lowend.tracks import write_json

FRAMES = 25
TEXTS = ["trap hip-hop at 140 BPM in F minor", "dubstep"]


def checkpoint(where: Path, delays: list[int], melody: bool = False) -> musicgen.MusicGen:
    """A random model in `where/model`, which is also returned, and its codec in `where/codec`."""
    settings = oracles.config(delays, melody)
    if delays == oracles.MONO:
        del settings["interleave_stereo_codebooks"]  # as in the first published models
    torch.manual_seed(0)
    lm = musicgen.build(settings, None, "cpu").eval()
    own_t5 = None if melody else oracles.T5
    checkpoints.write(where / "model", lm.state_dict(), settings, {}, t5=own_t5)
    oracles.encodec(where / "codec/hf")
    if delays == oracles.STEREO:
        (where / "codec" / checkpoints.STEREO_FILE).write_text('{"per_timestep": false}')
    return lm


@pytest.mark.parametrize(("delays", "melody"), [(oracles.MONO, False), (oracles.STEREO, False), (oracles.MONO, True)])
def test_transformers_makes_the_same_clips(tmp_path: Path, delays: list[int], melody: bool) -> None:
    lm = checkpoint(tmp_path, delays, melody)
    released = musicgen_output.FAMILY.export(tmp_path / "model", tmp_path / "codec", tmp_path)
    assert [one.name for one in released.formats] == ["audiocraft", "transformers"] and not released.absent
    kind = "MusicgenMelody" if melody else "Musicgen"
    theirs = getattr(hf, f"{kind}ForConditionalGeneration").from_pretrained(tmp_path / "transformers").eval()
    said = hf.AutoProcessor.from_pretrained(tmp_path / "transformers")(text=TEXTS, padding=True, return_tensors="pt")

    codes = oracles.codes(delays, 1, FRAMES)
    with torch.no_grad():
        ours = lm(codes, musicgen.embed(lm, TEXTS[:1]))[0]
        found = theirs(**{k: v[:1] for k, v in said.items()}, decoder_input_ids=codes[0]).logits[:, -FRAMES:]
    torch.testing.assert_close(found, ours, rtol=1e-5, atol=1e-5)

    likeliest = musicgen_output.Settings(2, FRAMES / 50, 0, 0.0, 0.0, theirs.generation_config.guidance_scale)
    wavs, rate = musicgen_output.FAMILY.generate(
        tmp_path / "model", tmp_path / "codec", TEXTS, [0, 1], likeliest, lambda done, total: None
    )
    again = theirs.generate(**said, do_sample=False, max_new_tokens=FRAMES + max(delays))
    assert again.std() > 0.01 and theirs.config.audio_encoder.sampling_rate == rate == 32000
    torch.testing.assert_close(again, torch.from_numpy(wavs), rtol=0, atol=1e-5)


def test_its_defaults_sample_as_audiocraft_does_and_the_cards_example_makes_a_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path, oracles.MONO)
    told = transformers_release.write(tmp_path / "release", tmp_path / "model", tmp_path / "codec")
    chosen = hf.GenerationConfig.from_pretrained(tmp_path / "release")
    assert (chosen.do_sample, chosen.top_k, chosen.guidance_scale, chosen.max_length) == (True, 250, 3.0, 50)
    monkeypatch.chdir(tmp_path / "release")
    names: dict[str, Any] = {}
    exec(told.usage.replace("max_new_tokens=400", "max_new_tokens=53"), names)
    assert names["wav"].shape == (1, 1, 32000) and torch.isfinite(names["wav"]).all()


def changed(part: str, **change: object) -> dict[str, Any]:
    """A model's config that differs in one of its parts."""
    config = oracles.config(oracles.MONO, melody=part == "conditioners")
    section = config[part]["self_wav"]["chroma_stem"] if part == "conditioners" else config[part]
    section |= change
    return config


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (changed("transformer_lm", positional_embedding="sin_rope"), "its positions are rotary"),
        (changed("transformer_lm", positional_scale=0.5), "its positions are rotary or scaled"),
        (changed("transformer_lm", dim=64), "its text encoder is as wide as its decoder"),
        (changed("codebooks_pattern", delay={"delays": [0, 0, 0, 0]}), "its codebooks are not delayed by a frame each"),
        (changed("fuser", cross=[], prepend=["description"]), "it hears its conditions in another way"),
        (changed("conditioners", argmax=False), "it hears melodies in another way"),
        (changed("conditioners", match_len_on_eval=False), "it hears melodies in another way"),
    ],
)
def test_what_its_class_cannot_express_is_said(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    (tmp_path / "codec/hf").mkdir(parents=True)
    checkpoints.write(tmp_path / "model", {}, config, {}, t5=oracles.T5)
    assert said in transformers_release.obstacle(tmp_path / "model", tmp_path / "codec")


def test_a_codec_of_audiocrafts_is_not_released_for_transformers(tmp_path: Path) -> None:
    checkpoints.write(tmp_path / "model", {}, oracles.config(oracles.MONO), {}, t5=oracles.T5)
    checkpoints.write(tmp_path / "codec", {}, {}, {})
    released = musicgen_output.FAMILY.export(tmp_path / "model", tmp_path / "codec", tmp_path / "out")
    assert [one.name for one in released.formats] == ["audiocraft"] and not (tmp_path / "out/transformers").exists()
    assert released.absent == [
        "The model is not there in transformers' format: its codec is in audiocraft's format, some of whose "
        "settings transformers' EnCodec does not have."
    ]


def test_a_text_encoder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str) -> None:
        raise OSError(f"We couldn't connect to load {name}.\nAnd so on.")

    checkpoint(tmp_path, oracles.STEREO)
    shutil.rmtree(tmp_path / "model/t5")
    config = checkpoints.read_json(tmp_path / "model", "config.json")
    config["conditioners"]["description"]["t5"]["name"] = "t5-small"
    write_json(tmp_path / "model/config.json", config)
    monkeypatch.setattr(hf.T5EncoderModel, "from_pretrained", unreachable)
    monkeypatch.setattr(hf.T5Tokenizer, "from_pretrained", unreachable)
    with pytest.raises(UserError, match="the text encoder t5-small could not be read: We couldn't connect to load t5"):
        transformers_release.write(tmp_path / "release", tmp_path / "model", tmp_path / "codec")
