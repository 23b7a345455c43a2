"""Taggers of AudioSet: a tiny AST of the real class that is made here, and PaSST's package by a stand-in for it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lowend.errors import UserError
from lowend.models import audioset

PARAM, OFF = "evaluate.kld_weights", "evaluate.kld: musicnn"
RATE = 16_000


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AST of one layer with random weights, for 1.28 s and six tags, and its feature extractor."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    folder = tmp_path_factory.mktemp("ast")
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_length=128, num_labels=6
    )
    model = ASTForAudioClassification(config).eval()
    nn.init.normal_(model.classifier.dense.weight)
    model.save_pretrained(folder)
    ASTFeatureExtractor(max_length=128).save_pretrained(folder)
    return folder


def noise(seconds: float, channels: int = 1) -> np.ndarray:
    one = np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    return np.repeat(one[None], channels, 0)


def test_tags_are_the_models_own_each_by_itself(checkpoint: Path) -> None:
    from transformers import ASTFeatureExtractor, ASTForAudioClassification

    tagger, wav = audioset.ast(str(checkpoint), PARAM, OFF), noise(1.2)
    found = tagger(wav, RATE)
    model = ASTForAudioClassification.from_pretrained(checkpoint).eval()
    inputs = ASTFeatureExtractor.from_pretrained(checkpoint)(wav[0], sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs).logits[0].sigmoid()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.shape == (6,) and not 0.99 < found.sum() < 1.01
    np.testing.assert_allclose(tagger(noise(1.2, 2), RATE), found, atol=1e-6)


def test_a_long_clip_is_heard_whole(checkpoint: Path) -> None:
    tagger = audioset.ast(str(checkpoint), PARAM, OFF)
    loud, tone = noise(1.2), 0.3 * np.sin(np.arange(int(1.2 * RATE)) / 9)[None].astype(np.float32)
    found = tagger(np.concatenate([loud, tone], 1), RATE)
    np.testing.assert_allclose(found, (tagger(loud, RATE) + tagger(tone, RATE)) / 2, atol=1e-6)


def test_other_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(checkpoint / "model.safetensors")
    for part, reason in (
        ({k: v for k, v in state.items() if "classifier" not in k}, "it lacks 4 of the model's weights"),
        (state | {"classifier.dense.bias": torch.zeros(9)}, "could not be loaded"),
    ):
        save_file(part, tmp_path / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(UserError, match=rf"evaluate\.kld_weights {tmp_path}.*{reason}"):
            audioset.ast(str(tmp_path), PARAM, OFF)


class Passt(nn.Module):
    """Answers as hear21passt's model does: logits, and words on the way; it refuses what that refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.heard: list[float] = []

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        print("x", wav.shape)
        seconds = wav.shape[1] / 32_000
        assert 0.15 < seconds <= 10 and len(wav) == 1
        self.heard.append(seconds)
        return torch.tensor([[0.0, float(wav.mean())]])


def stand_in(monkeypatch: pytest.MonkeyPatch, model: Passt | Exception) -> None:
    def get_basic_model(mode: str) -> Passt:
        print("a network of many lines")
        assert mode == "logits"
        if isinstance(model, Exception):
            raise model
        return model

    package, base = ModuleType("hear21passt"), ModuleType("hear21passt.base")
    base.get_basic_model = get_basic_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hear21passt", package)
    monkeypatch.setitem(sys.modules, "hear21passt.base", base)


def test_passt_is_used_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, model := Passt())
    tagger = audioset.passt(OFF)
    half = np.ones((2, 15 * RATE), np.float32)
    half[:, : len(half[0]) // 2] = -1
    found = tagger(half, RATE)
    assert model.heard == [7.5, 7.5] and found[0] == 0.5
    assert found[1] == pytest.approx(0.5, abs=1e-2), "the mean of both parts' probabilities"
    assert tagger(noise(0.05), RATE).shape == (2,), "what is too short for it is padded"
    assert capsys.readouterr().out == ""


def test_passt_without_its_weights_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, OSError("Name or service not known"))
    with pytest.raises(UserError, match=r"weights could not be loaded: Name or .* set `evaluate\.kld: musicnn`"):
        audioset.passt(OFF)
