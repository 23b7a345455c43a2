"""A broken clip is counted; nothing shortens a set of clips in silence."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from lowend import clips
from lowend.errors import UserError
from lowend.metrics import intake

RATE = 16_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prompts = [clips.Prompt("dubstep", "dubstep", 140.0, "F minor"), clips.Prompt("anything", "", None, "")] * 2
    clips.write(tmp_path, prompts, range(4), [np.full((1, RATE), 0.1 * n, np.float32) for n in range(4)], RATE)
    return tmp_path


def test_whole_clips_are_as_they_were_written(folder: Path) -> None:
    found = intake.read(folder)
    assert [item.clip for item in found] == [clip for clip, _, _ in clips.read(folder)]
    assert [round(float(item.wav.max()), 2) for item in found] == [0, 0.1, 0.2, 0.3]
    assert {(item.rate, item.clip.wobble_hz, item.is_broken) for item in found} == {(RATE, None, False)}


@pytest.mark.parametrize("damage", ["missing", "cut", "text"])
def test_a_broken_clip_is_silence_in_its_place_and_is_named(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "002.flac"
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(data[:60] if damage == "cut" else b"not audio")
    with caplog.at_level(logging.WARNING):
        found = intake.read(folder)
    assert [item.is_broken for item in found] == [False, False, True, False]
    assert found[2].wav.shape == (1, 32_000) and not found[2].wav.any() and found[2].clip.file == "002.flac"
    assert "002.flac is counted as silence" in caplog.text


def test_what_a_prompt_asks_for_comes_with_its_clip_and_may_be_absent(folder: Path, tmp_path: Path) -> None:
    asked = clips.Prompt("drop, dubstep", "dubstep", 140.0, "F minor", "drop", 4.67)
    wav = np.full((1, RATE), 0.1, np.float32)
    clips.write(tmp_path / "asked", [asked], [1], [wav], RATE)
    (found,) = intake.read(tmp_path / "asked")
    assert (found.clip.structure, found.clip.wobble_hz) == ("drop", 4.67)
    table = (folder / "clips.csv").read_text().splitlines()
    (folder / "clips.csv").write_text("\n".join(",".join(line.split(",")[:6]) for line in table) + "\n")
    assert {(item.clip.structure, item.clip.wobble_hz) for item in intake.read(folder)} == {("", None)}


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("file,prompt,sub_genre,bpm,key,seed\n")
    with pytest.raises(UserError, match="holds no clips: run the generate stage again"):
        intake.read(tmp_path)
    with pytest.raises(UserError, match="not found"):
        intake.read(tmp_path / "nowhere")
