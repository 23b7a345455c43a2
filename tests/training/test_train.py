"""The script around a stage: who starts it, and what its log and console keep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import mini
import pytest

import train
from lowend.errors import UserError
from lowend.training.recorder import recorder

ROOT = Path(__file__).resolve().parents[2]


def test_a_launcher_starts_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda program, words: started.append([Path(program).name, *words[1:]]))
    monkeypatch.setattr("sys.argv", ["src/train.py", "joint", "--out", "models/joint"])
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("LOWEND_LAUNCH", "torchrun --nproc-per-node 2 --rdzv-id 'a b'")
    train.launch()
    flags = ["--nproc-per-node", "2", "--rdzv-id", "a b"]
    assert started == [["torchrun", *flags, "src/train.py", "joint", "--out", "models/joint"]]
    monkeypatch.setenv("RANK", "1")
    train.launch()
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("LOWEND_LAUNCH", "")
    train.launch()
    assert len(started) == 1, "what a launcher started, or nobody asked to launch, goes on as it is"


def test_a_launcher_that_gives_no_ranks_does_not_start_itself_for_ever() -> None:
    """`accelerate launch` on a CPU is one: every process would be told to launch again."""
    env = {key: value for key, value in os.environ.items() if key != "RANK"}
    env |= {"LOWEND_LAUNCH": f"env {sys.executable}", "PYTHONPATH": str(ROOT / "src")}
    words = ["x", "--init", "x", "--tokens", "x", "--splits", "x", "--out", "x", "--live", "x"]
    done = subprocess.run(
        [sys.executable, ROOT / "src/train.py", *words], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1 and "started a process without RANK" in done.stderr and "torchrun" in done.stderr


def test_a_launcher_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("LOWEND_LAUNCH", "no-such-launcher --x")
    with pytest.raises(UserError, match="LOWEND_LAUNCH names 'no-such-launcher', which is no program here"):
        train.launch()


def test_curves_are_short_and_hold_no_wall_clock(tmp_path: Path) -> None:
    config = mini.config(steps=1201, validate_every=2)
    with recorder(tmp_path / "live", tmp_path, "joint", config) as recorded:
        for step in range(1, 1202):
            record = {"step": float(step), "lr": 0.1, "train_ce": 1 / step}
            if step % 2 == 0 or step == 1201:
                record["valid_ce"] = 2 / step
            recorded.on_step(record)
        recorded.live.summary = {"best_step": 7}
        recorded.live.make_summary()
    curves = {p.name: p.read_text().splitlines()[1:] for p in (tmp_path / "live/plots/metrics").glob("*.tsv")}
    assert set(curves) == {"lr.tsv", "train_ce.tsv", "valid_ce.tsv"}
    assert all(250 <= len(rows) <= 501 for rows in curves.values()), {k: len(v) for k, v in curves.items()}
    assert all(rows[-1].split()[0] == "1201" for rows in curves.values()), "the last step is always there"
    assert json.loads((tmp_path / "live/metrics.json").read_text()) == {"best_step": 7, "step": 1201}
