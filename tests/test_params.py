"""params.yaml: its numbers are numbers, its sections build, and every slip in it is one sentence that names the key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

import encode
from lowend import params
from lowend.audio.stems import SeparateConfig
from lowend.audio.views import NormalizeConfig
from lowend.captions import CaptionConfig
from lowend.errors import UserError
from lowend.labels import Genre
from lowend.metrics.evaluation import EvaluateConfig
from lowend.models import musicgen_output
from lowend.models.base import BaseConfig
from lowend.sources.files import DownloadConfig
from lowend.splits import SplitConfig
from lowend.training.loop import TrainConfig
from lowend.training.stage import StageConfig

PATH = Path(__file__).resolve().parents[1] / "params.yaml"
CONFIGS = {
    "download": DownloadConfig,
    "separate": SeparateConfig, "normalize": NormalizeConfig, "caption": CaptionConfig, "split": SplitConfig,
    "base": BaseConfig, "encode": encode.Config, "train": TrainConfig, "curriculum.joint": StageConfig,
    "generate": musicgen_output.Settings, "evaluate": EvaluateConfig, "genres.hiphop": Genre,
}  # fmt: skip
SECTIONS = {name: params.load(name, path=PATH)[name] for name in CONFIGS}
KEYS = [(name, key) for name, section in SECTIONS.items() for key in section]


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
    made = params.build(Config, GOOD, "train")
    assert made == Config(3, 1.0, ("a",)) and isinstance(made.share, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": "3"}, "`train.steps` must be int, got '3'"),
        ({"steps": True}, "`train.steps` must be int"),
        ({"steps": 0}, "train.steps must be 1 or more"),
        ({"share": "5e-06"}, "`train.share` must be float"),
        ({"extra": 1}, "`train.extra` is unknown; known are steps, share, names"),
    ],
)
def test_a_wrong_value_names_its_key(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        params.build(Config, GOOD | change, "train")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_committed_values_are_accepted(name: str) -> None:
    made = params.build(CONFIGS[name], SECTIONS[name], name)
    for key, value in SECTIONS[name].items():
        assert getattr(made, key) == (tuple(value) if isinstance(value, list) else value)
    with pytest.raises(UserError, match=f"`{name}` must hold .*, got 3"):
        params.build(CONFIGS[name], 3, name)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"`{name}.extra` is unknown; known are"):
        params.build(CONFIGS[name], SECTIONS[name] | {"extra": 1}, name)


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_a_key_that_is_missing_or_of_another_type_is_named(name: str, key: str) -> None:
    section = SECTIONS[name]
    with pytest.raises(UserError, match=f"`{name}.{key}` is missing; add it"):
        params.build(CONFIGS[name], {k: v for k, v in section.items() if k != key}, name)
    wrong: object = 7 if isinstance(section[key], str) else "seven"
    for value in (wrong, None):
        with pytest.raises(UserError, match=f"`{name}.{key}` must be .*, got {value!r}"):
            params.build(CONFIGS[name], section | {key: value}, name)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("encode", {"views": {"hiphop": "mix"}}),
        ("encode", {"views": {"hiphop": [1]}}),
        ("train", {"betas": [0.9]}),
        ("train", {"betas": [0.9, "0.95"]}),
        ("genres.hiphop", {"bpm": [65]}),
        ("genres.hiphop", {"bpm": [150, 65]}),
    ],
)
def test_a_slip_inside_a_list_is_named_too(name: str, change: dict) -> None:
    with pytest.raises(UserError, match=rf"{name.split('.')[0]}\..*{next(iter(change))}"):
        params.build(CONFIGS[name], SECTIONS[name] | change, name)


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_more_own_codes_than_codes_are_refused(share: float) -> None:
    with pytest.raises(UserError, match=rf"train.scheduled_sampling must be in 0..0.5, got {share}"):
        params.build(CONFIGS["train"], SECTIONS["train"] | {"scheduled_sampling": share}, "train")
