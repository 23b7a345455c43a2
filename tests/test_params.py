from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lowend import params
from lowend.errors import UserError


@dataclass(frozen=True, slots=True)
class Config:
    steps: int
    share: float
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"train.steps must be 1 or more, got {self.steps}")


GOOD = {"steps": 3, "share": 1, "names": ["a"]}


@pytest.mark.parametrize("text", ["5e-06", "5e-6", "5.0e-06", "0.000005"])
def test_lr_as_dvc_writes_it_is_a_float(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"lr: {text}\n")
    assert params.load("lr", path=path) == {"lr": 5e-6}


def test_only_named_sections_are_returned(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: 1\nb: {c: 2}\n")
    loaded = params.load("b.c", path=path)
    assert loaded == {"b.c": 2}
    with pytest.raises(KeyError):
        loaded["a"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [("a: 1\n", "b", "`b` is missing"), ("a: {c: 1}\n", "a.d", "`a.d` is missing"), ("a: [\n", "a", "not valid YAML")],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: str, name: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        params.load(name, path=path)
    with pytest.raises(UserError, match="not found"):
        params.load(name, path=tmp_path / "none.yaml")


def test_a_section_becomes_a_config() -> None:
    assert params.build(Config, GOOD, "train") == Config(3, 1.0, ("a",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": None}, "`train.steps` must be int"),
        ({"steps": "3"}, "`train.steps` must be int, got '3'"),
        ({"steps": True}, "`train.steps` must be int"),
        ({"steps": 0}, "train.steps must be 1 or more"),
        ({"share": "5e-06"}, "`train.share` must be float"),
        ({"extra": 1}, "`train.extra` is unknown; known are steps, share, names"),
    ],
)
def test_wrong_values_name_their_key(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        params.build(Config, GOOD | change, "train")
    with pytest.raises(UserError, match="`train.share` is missing"):
        params.build(Config, {"steps": 1, "names": []}, "train")
