"""CLAP score through the real classes of transformers, from a tiny checkpoint that is made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lowend.metrics import clap
from lowend.metrics.absent import Absent

RATE = 32_000


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLAP model of two layers with random weights, its feature extractor and a tokenizer of letters."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer

    folder = tmp_path_factory.mktemp("clap")
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789", "Ġ"]
    vocab = {piece: n for n, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters])}
    text = {
        "vocab_size": len(vocab), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "max_position_embeddings": 40, "projection_dim": 8,
    }  # fmt: skip
    audio = {
        "spec_size": 64, "num_mel_bins": 16, "patch_size": 4, "patch_stride": [4, 4], "window_size": 4,
        "patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2], "hidden_size": 16,
        "num_classes": 4, "projection_dim": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=8)).eval().save_pretrained(folder)
    extractor = ClapFeatureExtractor(feature_size=16, max_length_s=2, truncation="rand_trunc")
    ClapProcessor(extractor, RobertaTokenizer(vocab=vocab, merges=[])).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def score(checkpoint: Path) -> clap.Score:
    return clap.load(str(checkpoint))


def tone(hz: float, seconds: float, channels: int = 1) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return np.repeat((0.4 * np.sin(2 * np.pi * hz * t))[None], channels, 0).astype(np.float32)


def test_a_score_is_a_cosine_that_depends_on_sound_and_words_alone(score: clap.Score) -> None:
    found = score(tone(90, 1.5), RATE, "deep bass")
    assert -1 <= found <= 1
    assert score(tone(90, 1.5), RATE, "deep bass") == found
    assert score(tone(90, 1.5, 2), RATE, "deep bass") == pytest.approx(found, abs=1e-6)
    assert score(tone(3000, 1.5), RATE, "deep bass") != pytest.approx(found, abs=1e-6)
    assert score(tone(90, 1.5), RATE, "flute") != pytest.approx(found, abs=1e-6)


def test_it_is_the_cosine_of_the_models_own_two_features(checkpoint: Path, score: clap.Score) -> None:
    from transformers import ClapModel, ClapProcessor

    model, processor = ClapModel.from_pretrained(checkpoint).eval(), ClapProcessor.from_pretrained(checkpoint)
    wav = tone(90, 1.5)
    inputs = processor(text="deep bass", audio=wav[0], sampling_rate=48_000, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs).logits_per_audio.item() / model.logit_scale_a.exp().item()
    assert score(wav, 48_000, "deep bass") == pytest.approx(expected, abs=1e-5)


def test_a_long_clip_is_heard_whole_and_a_long_prompt_is_cut(score: clap.Score) -> None:
    long = np.concatenate([tone(90, 3), tone(2000, 3)], 1)
    assert score(long, RATE, "bass") == score(long, RATE, "bass"), "no part is drawn at random"
    other = np.concatenate([tone(90, 3), tone(90, 3)], 1)
    assert score(long, RATE, "bass") != score(other, RATE, "bass")
    assert -1 <= score(tone(90, 1), RATE, "bass and drums " * 40) <= 1


@pytest.mark.parametrize(("length", "parts"), [(10, 1), (100, 1), (101, 2), (350, 4)])
def test_parts_are_alike_in_length_and_make_up_the_whole(length: int, parts: int) -> None:
    found = clap.windows(np.arange(length, dtype=np.float32), 100)
    assert len(found) == parts and np.array_equal(np.concatenate(found), np.arange(length))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("laion/larger_clap_music", "must be a folder, or a hub repository with its commit .* got 'laion/larger"),
        ("laion/larger_clap_music@abc", 'could not be loaded .*set `evaluate.clap: ""`'),
    ],
)
def test_weights_out_of_reach_are_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Absent, match=message) as raised:
        clap.load(name)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_not_claps_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(Absent, match="evaluate.clap .*its weights could not be loaded"):
        clap.load(str(tmp_path))


def test_clips_without_a_score_are_left_out_of_the_mean() -> None:
    found = clap.summarise([0.2, None, 0.4], 50, "x")
    assert found["clap"] == 0.3 and found["clap_low"] <= 0.3 <= found["clap_high"]
    assert clap.summarise([None, None], 50, "x") == {}
