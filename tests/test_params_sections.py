"""The sections of params.yaml itself: each builds, and every slip in it is one sentence that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

import caption
import encode
import generate
from lowend import params
from lowend.audio.stems import SeparateConfig
from lowend.audio.views import NormalizeConfig
from lowend.errors import UserError
from lowend.metrics.evaluation import EvaluateConfig
from lowend.models.base import BaseConfig
from lowend.splits import SplitConfig
from lowend.training.loop import TrainConfig
from lowend.training.stage import StageConfig

PATH = Path(__file__).resolve().parents[1] / "params.yaml"
CONFIGS = {
    "separate": SeparateConfig, "normalize": NormalizeConfig, "caption": caption.Config, "split": SplitConfig,
    "base": BaseConfig, "encode": encode.Config, "train": TrainConfig, "curriculum.joint": StageConfig,
    "generate": generate.Config, "evaluate": EvaluateConfig, "genres.hiphop": caption.Genre,
}  # fmt: skip
SECTIONS = {name: params.load(name, path=PATH)[name] for name in CONFIGS}
KEYS = [(name, key) for name, section in SECTIONS.items() for key in section]


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
