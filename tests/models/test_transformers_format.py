"""Folders of transformers' MusicGen: the same logits both ways, and which of its losses is the one trained here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import oracles
import pytest
import torch
import torch.nn.functional as F
import transformers as hf

from lowend.errors import UserError
from lowend.models import audiocraft_format, base, codebooks, codec, musicgen, transformers_format

FRAMES = 9


@pytest.fixture(scope="module")
def codec_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny EnCodec in transformers' own format."""
    folder = tmp_path_factory.mktemp("codec")
    oracles.encodec(folder)
    return folder


def written(folder: Path, codec: Path, delays: list[int], melody: bool = False) -> musicgen.MusicGen:
    """A random model of ours, and its folder in transformers' format."""
    settings = oracles.config(delays, melody)
    torch.manual_seed(0)
    lm = musicgen.build(settings, None, "cpu").eval()
    transformers_format.write(folder, lm.state_dict(), settings, oracles.T5, codec)
    return lm


def inputs(delays: list[int]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Codes, and TEXTS as transformers takes them; a text that is None has no token to attend to."""
    said = hf.T5Tokenizer.from_pretrained(oracles.T5)(
        [t or "" for t in oracles.TEXTS], return_tensors="pt", padding=True
    )
    said["attention_mask"][oracles.TEXTS.index(None)] = 0
    return oracles.codes(delays, len(oracles.TEXTS), FRAMES), dict(said)


@pytest.mark.parametrize("delays", [oracles.MONO, oracles.STEREO])
def test_transformers_reads_what_is_written_and_gives_the_same_logits(
    tmp_path: Path, codec_folder: Path, delays: list[int]
) -> None:
    lm = written(tmp_path, codec_folder, delays)
    theirs = hf.MusicgenForConditionalGeneration.from_pretrained(tmp_path).eval()
    codes, said = inputs(delays)
    with torch.no_grad():
        # its decoder hides padded texts where audiocraft attends to zeros: without the mask both see zeros
        text = theirs.enc_to_dec_proj(theirs.text_encoder(**said).last_hidden_state) * said["attention_mask"][..., None]
        wanted = theirs.decoder(codes.flatten(0, 1), encoder_hidden_states=text).logits
        found = lm(codes, musicgen.embed(lm, oracles.TEXTS))
    torch.testing.assert_close(found.flatten(0, 1), wanted, rtol=1e-5, atol=1e-5)
    whole = theirs(**{k: v[:1] for k, v in said.items()}, decoder_input_ids=codes[0]).logits
    torch.testing.assert_close(lm(codes[:1], musicgen.embed(lm, oracles.TEXTS[:1]))[0], whole, rtol=1e-5, atol=1e-5)


def test_melody_models_too(tmp_path: Path, codec_folder: Path) -> None:
    lm = written(tmp_path, codec_folder, oracles.MONO, melody=True)
    theirs = hf.MusicgenMelodyForConditionalGeneration.from_pretrained(tmp_path).eval()
    codes, said = inputs(oracles.MONO)
    chroma = F.one_hot(torch.arange(5).expand(1, 5), 12).float()
    with torch.no_grad():
        for melody in (chroma, None):
            one = {k: v[:1] for k, v in said.items()}
            wanted = theirs(**one, input_features=melody, decoder_input_ids=codes[0]).logits[:, -FRAMES:]
            found = lm(codes[:1], musicgen.embed(lm, oracles.TEXTS[:1], melody))[0]
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("delays", "melody"), [(oracles.MONO, False), (oracles.STEREO, False), (oracles.MONO, True)])
def test_reading_back_gives_the_same_model(tmp_path: Path, codec_folder: Path, delays: list[int], melody: bool) -> None:
    lm = written(tmp_path, codec_folder, delays, melody)
    state, config = transformers_format.read(tmp_path)
    config["conditioners"]["description"]["t5"]["name"] = str(oracles.T5)
    again = musicgen.build(config, None, "cpu")
    again.load_state_dict(state)
    assert again.shape == lm.shape
    assert all(torch.equal(v, state[k]) for k, v in lm.state_dict().items())


def test_text_encoder_and_codec_come_out_as_they_went_in(tmp_path: Path, codec_folder: Path) -> None:
    written(tmp_path / "whole", codec_folder, oracles.MONO)
    transformers_format.unpack_parts(tmp_path / "whole", tmp_path / "t5", tmp_path / "hf")
    lm, again = (
        musicgen.build(oracles.config(oracles.MONO), folder, "cpu").condition_provider.conditioners["description"]
        for folder in (oracles.T5, tmp_path / "t5")
    )
    torch.testing.assert_close(lm.states(oracles.TEXTS)[0], again.states(oracles.TEXTS)[0])
    before, after = (hf.EncodecModel.from_pretrained(folder).state_dict() for folder in (codec_folder, tmp_path / "hf"))
    assert all(torch.equal(v, after[k]) for k, v in before.items())


@pytest.mark.parametrize("delays", [oracles.MONO, oracles.STEREO])
def test_a_folder_of_transformers_is_a_base_and_what_is_released_of_it_loads(
    tmp_path: Path, codec_folder: Path, delays: list[int]
) -> None:
    lm = written(tmp_path / "whole", codec_folder, delays)
    base.unpack(tmp_path / "whole", {"base": "whole"}, tmp_path / "base", tmp_path / "codec")
    again = musicgen.load(tmp_path / "base")
    codes = oracles.codes(delays, len(oracles.TEXTS), FRAMES)
    with torch.no_grad():
        found, wanted = (one(codes, musicgen.embed(one, oracles.TEXTS)) for one in (again, lm))
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)

    wav = np.random.default_rng(0).normal(0, 0.1, (len(delays) // 4, 6400)).astype(np.float32)
    heard = codec.load(tmp_path / "codec")
    theirs = hf.EncodecModel.from_pretrained(codec_folder).encode(torch.from_numpy(wav)[:, None], None, 1.0).audio_codes
    by_channel = codec.encode(heard, wav).reshape(4, len(wav), -1).swapaxes(0, 1)
    np.testing.assert_array_equal(by_channel, theirs[0].numpy())

    audiocraft_format.write(tmp_path / "released", tmp_path / "base", tmp_path / "codec")
    spec = importlib.util.spec_from_file_location("load", tmp_path / "released/load.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    released = module.load(tmp_path / "released", device="cpu")
    assert released.compression_model.num_codebooks == len(delays)
    encoded, _ = released.compression_model.encode(torch.from_numpy(wav)[None])
    np.testing.assert_array_equal(encoded[0].numpy(), codec.encode(heard, wav))


def test_its_own_loss_trains_codes_that_the_delay_leaves_undefined(tmp_path: Path, codec_folder: Path) -> None:
    """PEERS: a loss that keeps the last positions of delayed codebooks differs; on audiocraft's mask it does not."""
    lm = written(tmp_path, codec_folder, oracles.MONO)
    decoder = hf.MusicgenForConditionalGeneration.from_pretrained(tmp_path).eval().decoder
    codes, _ = inputs(oracles.MONO)
    delayed = codebooks.delay(codes, oracles.MONO, lm.special_token_id)
    with torch.no_grad():
        conditions = musicgen.embed(lm, oracles.TEXTS)
        text = conditions["description"][0]
        built_in = decoder(labels=delayed.transpose(1, 2), encoder_hidden_states=text).loss
        masked = decoder(labels=delayed[..., :FRAMES].transpose(1, 2), encoder_hidden_states=text).loss
        ours = musicgen.cross_entropy(lm, codes, conditions).mean()
    assert (built_in - ours).abs() > 1e-3
    torch.testing.assert_close(masked, ours, rtol=1e-6, atol=1e-6)


def test_rotary_positions_cannot_be_written(tmp_path: Path) -> None:
    settings = oracles.config(oracles.MONO, positions="rope")
    with pytest.raises(UserError, match="sinusoidal positions only"):
        transformers_format.write(tmp_path, {}, settings, oracles.T5, tmp_path)


def test_a_folder_of_another_family_or_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bark"}')
    with pytest.raises(UserError, match="'bark', which is no MusicGen"):
        transformers_format.read(tmp_path)
    with pytest.raises(UserError, match="lacks model.safetensors"):
        transformers_format.read_all(tmp_path)
