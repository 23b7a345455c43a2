"""Several processes train the stage that one trains: same losses, same weights."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import mini
import pytest
import torch
from safetensors.torch import load_file

from lowend.errors import UserError
from lowend.training import data, loop, team

ROOT = Path(__file__).resolve().parents[2]
CHANGE = {"steps": 3, "accumulate": 2, "cfg_dropout": 0.3, "word_dropout": 0.3}

CHILD = """
import json, sys
from pathlib import Path
import torch
sys.path[:0] = sys.argv[3:]
import mini
from safetensors.torch import save_file
from lowend.training import data, loop, team

torch.set_num_threads(1)
torch.set_flush_denormal(True)
change, out = json.loads(sys.argv[2]), Path(sys.argv[1])
crew, rows, told = team.join(change["accumulate"]), mini.rows(), {}
for name, weighing in (("plain", None), ("weighted", data.weighing(rows, (2.0, 1.0, 0.5)))):
    sampler = mini.sampler(rows, cfg_dropout=0.3, word_dropout=0.3, weighing=weighing)
    config = mini.config(**change)
    result = loop.train(mini.DRAWING, mini.lm(), sampler, config, 1e-3, mini.spread, out / name, lambda _: None, crew)
    save_file(result.raw, out / f"{name}-{crew.rank}.safetensors")
    told[name] = result.history
(out / f"{crew.rank}.json").write_text(json.dumps(told))
"""


def together(out: Path) -> dict[str, list[dict[str, float]]]:
    """Two processes over gloo; returns the first one's histories."""
    out.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    paths = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests/training")]
    words = [sys.executable, "-c", CHILD, str(out), json.dumps(CHANGE), *paths]
    names = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    crew = [
        subprocess.Popen(words, env={**os.environ, **names, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=500)[1] for process in crew]
    assert [process.returncode for process in crew] == [0, 0], said
    histories: dict[str, list[dict[str, float]]] = json.loads((out / "0.json").read_text())
    return histories


def test_two_processes_equal_one_with_accumulation(tmp_path: Path) -> None:
    both = together(tmp_path / "two")
    rows = mini.rows()
    for name, weighing in (("plain", None), ("weighted", data.weighing(rows, (2.0, 1.0, 0.5)))):
        sampler = mini.sampler(rows, cfg_dropout=0.3, word_dropout=0.3, weighing=weighing)
        scratch = tmp_path / f"one-{name}"
        one = loop.train(
            mini.DRAWING, mini.lm(), sampler, mini.config(**CHANGE), 1e-3, mini.spread, scratch, lambda _: None
        )
        first, second = (load_file(tmp_path / f"two/{name}-{rank}.safetensors") for rank in range(2))
        assert mini.same(first, second)
        for key, value in one.raw.items():
            torch.testing.assert_close(first[key], value, rtol=0, atol=1e-6)
        for a, b in zip(both[name], one.history, strict=True):
            assert a == pytest.approx(b, abs=1e-6)


def test_a_process_without_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(UserError, match="LOWEND_LAUNCH starts 4 processes, .* train.accumulate 3 .* raise accumulate"):
        team.join(3)
    monkeypatch.delenv("WORLD_SIZE")
    assert team.join(1) is team.ALONE and list(team.ALONE.mine(3)) == [0, 1, 2]


def test_passes_are_shared_out_whole() -> None:
    for size in (1, 2, 3):
        parts = [list(team.Team(rank, size).mine(5)) for rank in range(size)]
        assert sorted(n for part in parts for n in part) == list(range(5))
