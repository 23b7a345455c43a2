"""CLAP score through the real classes of transformers, from a tiny checkpoint that is made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tinyclap
import torch
from safetensors.torch import load_file, save_file

from lowend.metrics import clap
from lowend.metrics.absent import Absent

RATE = 32_000


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinyclap.write(tmp_path_factory.mktemp("clap"))


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


def test_embeddings_are_the_models_own_of_two_seconds_from_every_whole_second(checkpoint: Path) -> None:
    from transformers import ClapModel, ClapProcessor

    read = clap.read(str(checkpoint), "evaluate.weights", "evaluate.embedder: starter")
    wav = np.concatenate([tone(90, 2, 2), tone(2000, 2, 2)], 1)
    found = clap.embeddings(read, wav, RATE)
    assert found.shape == (3, read.width) == (3, 8) and clap.embeddings(read, tone(90, 1), RATE).shape == (1, 8)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    model, processor = ClapModel.from_pretrained(checkpoint).eval(), ClapProcessor.from_pretrained(checkpoint)
    short = tone(90, 1.5)
    inputs = processor(audio=short[0], sampling_rate=48_000, return_tensors="pt")
    with torch.inference_mode():
        expected = model.get_audio_features(**inputs).pooler_output
    np.testing.assert_allclose(clap.embeddings(read, short, 48_000), expected, atol=1e-5)


def test_weights_that_transformers_would_make_up_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(checkpoint / "model.safetensors")
    part = {name: tensor for name, tensor in state.items() if not name.startswith("audio_projection.")}
    save_file(part, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Absent, match=r"evaluate\.clap .*it lacks 4 of the model's weights, such as audio_projection"):
        clap.load(str(tmp_path))


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
