"""Clips while a stage trains: made by generate.py from the averaged weights, and never in training's way."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import kit
import mini
import numpy as np
import pytest

from lowend.audio.io import Wave
from lowend.errors import UserError
from lowend.models import checkpoints
from lowend.training import loop, samples

ROOT = Path(__file__).resolve().parents[2]
Played = list[tuple[int, str, tuple[int, ...], int]]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's models/ with the kit's base and codec, and params.yaml that asks for half a second."""
    kit.unpack(tmp_path / "models")
    text = (ROOT / "params.yaml").read_text().replace("seconds: 5.0 ", "seconds: 0.5 ")
    (tmp_path / "params.yaml").write_text(text)
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(samples.SETTING, "2")
    return tmp_path / "models"


def test_clips_are_made_of_the_weights_and_played(models: Path, tmp_path: Path) -> None:
    played: Played = []

    def play(step: int, name: str, wav: Wave, rate: int) -> None:
        assert np.isfinite(wav).all()
        played.append((step, name, wav.shape, rate))

    base = models / "base"
    weights = checkpoints.read_state(base)
    samples.make(tmp_path / "samples", base, Path("prompts/hiphop.csv"), play, 30, weights)
    assert played == [(30, "clip 000", (1, 16000), 32000), (30, "clip 001", (1, 16000), 32000)]
    first = (tmp_path / "samples/step-000030/000.flac").read_bytes()
    other = {name: value * (1.5 if name.startswith("linears") else 1.0) for name, value in weights.items()}
    samples.make(tmp_path / "samples", base, Path("prompts/hiphop.csv"), play, 60, other)
    assert (tmp_path / "samples/step-000060/000.flac").read_bytes() != first
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["step-000030", "step-000060"]


def test_a_failure_is_told_and_training_goes_on(models: Path, caplog: pytest.LogCaptureFixture) -> None:
    base = models / "base"
    with caplog.at_level(logging.WARNING):
        samples.make(models / "out", base, Path("prompts/polka.csv"), print, 30, checkpoints.read_state(base))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("no clips of step 30: ") and "prompts/polka.csv" in said


def test_the_loop_hands_out_the_averaged_weights_at_validations(tmp_path: Path) -> None:
    heard: dict[int, loop.State] = {}
    for method in ("full", "lora"):
        config = mini.config(steps=5, validate_every=2, method=method)
        lm = mini.lm()
        names = lm.state_dict().keys()
        result = loop.train(
            mini.FAMILY, lm, mini.sampler(), config, 1e-2, mini.spread, tmp_path / method, lambda _: None,
            hear=heard.__setitem__,
        )  # fmt: skip
        assert list(heard) == [2, 4, 5]
        assert all(weights.keys() == names for weights in heard.values())
        assert mini.same(heard[result.best_step], result.ema) and not mini.same(heard[2], heard[5])
        heard.clear()


def test_a_wrong_count_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(samples.SETTING, "many")
    with pytest.raises(UserError, match="LOWEND_SAMPLES is 'many'; it wants the number of clips"):
        samples.count()
    monkeypatch.setenv(samples.SETTING, "")
    assert samples.count() == 0
