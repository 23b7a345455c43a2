"""Lanes: what waits for another stays together and in order, what does not is a lane of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import lanes
from lowend import params
from lowend.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


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


def test_what_hears_clips_waits_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, order = params.load("curriculum", "generations"), []
    monkeypatch.setattr(lanes, "repro", lambda *asked: order.extend(asked) is None)
    monkeypatch.setattr(lanes.devices, "best", lambda: "cpu")
    monkeypatch.setattr("sys.argv", ["lanes.py", "--jobs", "2"])
    lanes.main()
    clips = [order.index(f"generate@{key}") for key in loaded["generations"]]
    hearing = [n for n, name in enumerate(order) if name.split("@")[0] in lanes.MEASURING]
    assert order[:2] == ["base", "encode"] and max(clips) < order.index("classifier") < min(hearing)
    graph = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert {graph[stage]["foreach"] for stage in lanes.MEASURING} == {
        f"${{{name}}}" for name in lanes.MEASURING.values()
    }
    assert len(hearing) == sum(len(params.load(name)[name]) for name in lanes.MEASURING.values())


def test_lists_run_together_and_a_failure_is_named_when_all_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting, ended = threading.Barrier(2, timeout=20), []

    def repro(_: str, name: str) -> bool:
        meeting.wait()
        ended.append(name)
        return name != "a"

    monkeypatch.setattr(lanes, "repro", repro)
    with pytest.raises(UserError, match="for the reason above: a, or a stage after it"):
        lanes.side_by_side([["a"], ["b"]], 2)
    assert sorted(ended) == ["a", "b"]
