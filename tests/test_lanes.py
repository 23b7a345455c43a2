"""Lanes: what waits for another stays together and in order, what does not is a lane of its own."""

from __future__ import annotations

import pytest

import lanes
from lowend import params
from lowend.errors import UserError


def test_the_default_curriculum_has_two_lanes() -> None:
    assert lanes.lanes(params.load("curriculum")["curriculum"]) == [
        ["hiphop-drums", "hiphop-bass-drums", "hiphop-full", "hybrid", "joint"],
        ["dubstep-bass", "dubstep-drums", "dubstep-drops", "dubstep-full"],
    ]


def test_clips_follow_their_model() -> None:
    curriculum = {"a": {"init": "base"}, "b": {"init": "base"}, "c": {"init": "a"}}
    generations = {"x": {"model": "c"}, "y": {"model": "base"}, "z": {"model": "a"}}
    assert lanes.targets(curriculum, generations) == [
        ["train@a", "generate@z", "train@c", "generate@x"], ["train@b"], ["generate@y"],
    ]  # fmt: skip
    loaded = params.load("curriculum", "generations")
    found = [name for lane in lanes.targets(loaded["curriculum"], loaded["generations"]) for name in lane]
    made = {f"train@{key}" for key in loaded["curriculum"]} | {f"generate@{key}" for key in loaded["generations"]}
    assert set(found) == made and len(found) == len(made)


def test_every_stage_from_the_base_begins_a_lane() -> None:
    curriculum = {"a": {"init": "base"}, "b": {"init": "base"}, "c": {"init": "a"}, "d": {"init": "c"}}
    assert lanes.lanes(curriculum) == [["a", "c", "d"], ["b"]]


def test_a_stage_that_starts_from_nothing_is_named() -> None:
    with pytest.raises(UserError, match="`curriculum.b.init` is 'full', no stage that stands before it"):
        lanes.lanes({"a": {"init": "base"}, "b": {"init": "full"}})
