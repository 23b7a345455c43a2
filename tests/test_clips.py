"""Prompts in, clips out and in again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lowend import clips
from lowend.clips import Prompt
from lowend.errors import UserError

HEADER = "prompt,sub_genre,bpm,key\n"
PROMPTS = [Prompt('drums, "808"', "trap", 139.5, "F minor"), Prompt("ü", "", None, "")]


def test_clips_survive_writing(tmp_path: Path) -> None:
    wavs = [np.full((1, 100), 0.25, np.float32), np.linspace(-2, 2, 100, dtype=np.float32)[None]]
    clips.write(tmp_path / "c", PROMPTS, [2**62 + 1, 0], wavs, 32000)
    (first, a, rate), (second, b, _) = clips.read(tmp_path / "c")
    assert (first.prompt, first.sub_genre, first.bpm, first.key, first.seed) == (
        'drums, "808"',
        "trap",
        139.5,
        "F minor",
        2**62 + 1,
    )
    assert (second.bpm, second.key, second.file) == (None, "", "001.flac") and rate == 32000
    np.testing.assert_allclose(a, wavs[0], atol=1e-6)
    np.testing.assert_allclose(b, wavs[1] * 0.99 / 2, atol=1e-6, err_msg="one that would clip is scaled as a whole")


def test_each_clip_needs_a_prompt(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter|longer"):
        clips.write(tmp_path, PROMPTS, [1, 2], [np.zeros((1, 10), np.float32)], 32000)


@pytest.mark.parametrize(
    "break_", [lambda p: p.unlink(), lambda p: p.write_bytes(b"fLaC no"), lambda p: p.write_bytes(b"")]
)
def test_a_lost_clip_says_how_to_get_it_back(tmp_path: Path, break_) -> None:  # type: ignore[no-untyped-def]
    clips.write(tmp_path, PROMPTS[:1], [1], [np.zeros((1, 100), np.float32)], 32000)
    break_(tmp_path / "000.flac")
    with pytest.raises(UserError, match=r"000\.flac cannot be read .*: run the generate stage again"):
        clips.read(tmp_path)


def test_prompts_are_taken_from_the_top(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(HEADER + "a,trap,140,F minor\nb,,,\nc,,,\n")
    assert clips.read_prompts(path, 2) == [Prompt("a", "trap", 140.0, "F minor"), Prompt("b", "", None, "")]


def test_a_part_of_a_track_and_a_wobble_go_from_the_prompts_to_the_clips(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prompt,sub_genre,bpm,key,wobble_hz,structure\na,,,,4.67,build-up\nb,,,,,\n")
    asked = clips.read_prompts(path, 2)
    clips.write(tmp_path / "c", asked, [1, 2], [np.ones((1, 9), np.float32)] * 2, 32000)
    found = [(clip.structure, clip.wobble_hz) for clip, _, _ in clips.read(tmp_path / "c")]
    assert found == [("build-up", 4.67), ("", None)] == [(one.structure, one.wobble_hz) for one in asked]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "a,,,\n", "holds 1 prompts, `generate.clips` asks for 2: add lines or ask for fewer"),
        ("prompt,bpm\na,1\nb,2\n", "lacks the column sub_genre"),
        (HEADER[:-1] + ",wobble_hz\na,,,,slow\nb,,,,\n", "wobble_hz must be a number, got 'slow'"),
        (HEADER + "a,,fast,\nb,,,\n", "bpm must be a number, got 'fast'"),
        (HEADER + "a,,-140,\nb,,,\n", "bpm must be above 0, got '-140'"),
        (HEADER[:-1] + ",wobble_hz\na,,,,0\nb,,,,\n", "wobble_hz must be above 0, got '0'"),
    ],
)
def test_a_bad_prompt_file_is_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        clips.read_prompts(tmp_path / "p.csv", 2)
    with pytest.raises(UserError, match="not found"):
        clips.read_prompts(tmp_path / "none.csv", 2)
