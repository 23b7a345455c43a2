"""TensorBoard and Weights & Biases get every step's figures and clips, once, also after a kill."""

from __future__ import annotations

import time
from pathlib import Path

import mini
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lowend.errors import UserError
from lowend.training import trackers
from lowend.training.recorder import recorder


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


def told(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_holds_curves_speed_and_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trackers.SETTING, "tensorboard")
    for _ in range(2):  # the second run tells the first one's steps again
        with recorder(tmp_path / "live", tmp_path, "joint", mini.config()) as recorded:
            for step in (1, 2, 3):
                recorded.on_step({"step": float(step), "lr": 0.1, "train_ce": 3 / step})
            recorded.play(3, "clip 0", np.ones((2, 800), np.float32), 32000)
    events = told(tmp_path / "tensorboard/joint")
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("train_ce")] == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert {"tokens_per_s", "left_s", "memory_gb", "lr"} <= set(events.Tags()["scalars"])
    assert events.Scalars("memory_gb")[-1].value > 0.1
    (clip,) = events.Audio("clip 0")
    assert (clip.step, clip.sample_rate, clip.length_frames) == (3, 32000, 800)
    live = {path.stem for path in (tmp_path / "live").rglob("*.tsv")}
    assert live == {"lr", "train_ce"}, "what depends on the clock is no metric"


def test_weights_and_biases_keeps_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trackers.SETTING, "wandb")
    with trackers.opened(tmp_path, "joint") as (tracker,):
        tracker.log(1, {"train_ce": 3.0})
        tracker.play(1, "clip 0", np.zeros((1, 800), np.float32), 32000)
    (run,) = (tmp_path / "wandb/joint").rglob("run-*.wandb")
    # Its service, a process of its own, writes the last of a run after the run has ended.
    until = time.monotonic() + 60
    while b"train_ce" not in run.read_bytes() and time.monotonic() < until:
        time.sleep(0.1)
    assert b"train_ce" in run.read_bytes() and list(run.parent.rglob("*.wav"))


def test_nothing_is_watched_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(trackers.SETTING, raising=False)
    with trackers.opened(tmp_path, "joint") as watching:
        assert watching == [] and list(tmp_path.iterdir()) == []


def test_an_unknown_tracker_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trackers.SETTING, "tensorboard, mlflow")
    with (
        pytest.raises(UserError, match="LOWEND_TRACKERS names 'mlflow'; it knows tensorboard, wandb"),
        trackers.opened(tmp_path, "joint"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
