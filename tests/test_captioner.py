"""Captions by an audio language model, with a tiny one of the real architecture and random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    WhisperFeatureExtractor,
)

from lowend import captioner
from lowend.errors import UserError

RATE = 32000
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen2-Audio with 39 thousand parameters, and a tokenizer of single bytes."""
    folder = tmp_path_factory.mktemp("qwen2-audio")
    letters = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    plain = Tokenizer(models.BPE(vocab=letters, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token=SPECIAL[2], pad_token=SPECIAL[0], additional_special_tokens=SPECIAL
    )
    narrow = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = Qwen2AudioConfig(
        audio_config={
            **{"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32},
            **{"num_mel_bins": 16, "max_source_positions": 1500},
        },
        text_config={"model_type": "qwen2", "num_hidden_layers": 1, "vocab_size": len(tokenizer), **narrow},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    torch.manual_seed(0)
    Qwen2AudioForConditionalGeneration(config).save_pretrained(folder)
    Qwen2AudioProcessor(WhisperFeatureExtractor(feature_size=16), tokenizer).save_pretrained(folder)
    return folder


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (2, int(seconds * RATE))).astype(np.float32)


def test_a_model_describes_a_track_in_one_line_and_again_in_the_same_words(checkpoint: Path) -> None:
    describe = captioner.load(str(checkpoint))
    text = describe(noise(5), RATE)
    assert text and text.isprintable() and text == text.strip() and "<|" not in text
    assert text == describe(noise(5), RATE)
    assert captioner.QUESTION not in text, "only what the model adds is its answer"
    assert captioner.load(str(checkpoint)) is describe, "the weights are loaded once"


def test_the_model_hears_the_track(checkpoint: Path) -> None:
    """Random weights tell loud noise from a bass tone, but only because the audio reaches them."""
    describe = captioner.load(str(checkpoint))
    tone = np.sin(2 * np.pi * 55 * np.arange(5 * RATE) / RATE, dtype=np.float32)[None] * 0.5
    assert describe(noise(5), RATE) != describe(tone, RATE)


def test_of_a_long_track_the_middle_is_heard() -> None:
    long = np.arange(40 * 100, dtype=np.float32)[None]
    assert captioner.middle(long, 100)[0, [0, -1]].tolist() == [500.0, 3499.0]
    assert captioner.middle(long[:, :700], 100).shape == (1, 700)


def test_a_hub_model_needs_its_commit() -> None:
    with pytest.raises(UserError, match=r"caption.audio_model. must be a folder, or .*name@commit"):
        captioner.load("Qwen/Qwen2-Audio-7B-Instruct")


def test_weights_out_of_reach_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="could not be loaded .LOWEND_OFFLINE is set.*caption.audio_model: "):
        captioner.load("nobody/nothing@0123456")


def test_a_folder_that_holds_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"caption.audio_model {tmp_path}: its weights could not be loaded"):
        captioner.load(str(tmp_path))


def test_a_model_that_cannot_hear_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text((checkpoint / "tokenizer.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(UserError, match="cannot hear: name an audio language model"):
        captioner.load(str(tmp_path))
