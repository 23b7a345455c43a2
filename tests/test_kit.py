"""The kit on disk: unpacked once, and again when it changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lowend import kit
from lowend.models.sampling import Sampling

ROOT = Path(__file__).resolve().parents[1]


def test_a_kit_is_unpacked_once_and_another_one_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path / "scratch"))
    copy = tmp_path / "musicgen"
    shutil.copytree(ROOT / "starter/kit/musicgen", copy)
    first = kit.unpack(copy)
    assert {p.name for p in first.iterdir()} == {"base", "codec"}
    (first / "mark").touch()
    assert kit.unpack(copy) == first and (first / "mark").exists()
    (copy / "t5/config.json").write_text((copy / "t5/config.json").read_text() + "\n")
    assert kit.unpack(copy) != first


def test_sampling_is_what_params_say(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("generate: {clips: 1, seconds: 2.0, top_k: 7, top_p: 0, temperature: 1, guidance: 2}\n")
    assert kit.sampling(path) == Sampling(7, 0.0, 1.0, 2.0)
