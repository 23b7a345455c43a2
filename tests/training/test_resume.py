"""States to resume from: the newest whole one, never a fresh start by itself, and no code that runs."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import pytest
import torch

from lowend.errors import UserError
from lowend.training import resume


def state(step: int) -> dict[str, object]:
    return {"step": step, "raw": {"w": torch.full((300,), float(step))}}


def test_a_damaged_state_is_not_a_fresh_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """PEERS 3.25: trainers that cannot read a state warn and begin again."""
    for step in (2, 4):
        resume.save(tmp_path, step, state(step), 2)
    newest = tmp_path / "000000004.pt"
    newest.write_bytes(newest.read_bytes()[:500])
    with caplog.at_level(logging.WARNING):
        found = resume.load(tmp_path)
    assert found is not None and found["step"] == 2 and torch.equal(found["raw"]["w"], torch.full((300,), 2.0))
    assert "000000004.pt is damaged" in caplog.text
    (tmp_path / "000000002.pt").write_bytes(b"")
    with pytest.raises(UserError, match="holds damaged states only: delete it"):
        resume.load(tmp_path)


def test_no_state_and_a_torn_one_are_a_start_from_the_init(tmp_path: Path) -> None:
    assert resume.load(tmp_path / "none") is None
    (tmp_path / "partial.tmp").write_bytes(b"torn")
    assert resume.load(tmp_path) is None


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("ran",))


def test_a_state_runs_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"step": 1, "raw": Evil()}, tmp_path / "000000001.pt")
    (tmp_path / "000000000.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError, match="damaged states only"):
        resume.load(tmp_path)
    assert "ran" not in capsys.readouterr().out


def test_the_newest_are_kept_and_clearing_forgets(tmp_path: Path) -> None:
    for step in (2, 10, 4, 100):
        resume.save(tmp_path, step, state(step), 2)
    assert [p.name for p in sorted(tmp_path.glob("*"))] == ["000000010.pt", "000000100.pt"]
    resume.clear(tmp_path)
    assert resume.load(tmp_path) is None
