"""Stages side by side: each after what it waits for, the longest chain first; a failure stops only what needs it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import parallel
from lowend.errors import UserError

CHAIN = {"a": set[str](), "b": {"a"}, "c": {"b"}, "x": set[str](), "y": {"x", "a"}}


def run(waits_for: dict[str, set[str]], jobs: int, failing: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    started: list[str] = []

    def repro(_: str, name: str) -> bool:
        started.append(name)
        return name != failing

    monkeypatch.setattr(parallel, "repro", repro)
    parallel.side_by_side(waits_for, jobs)
    return started


@given(st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=12), st.integers(1, 4))
def test_a_stage_starts_once_all_that_it_waits_for_are_done(waits: list[set[int]], jobs: int) -> None:
    waits_for = {str(n): {str(m) for m in before if m < n} for n, before in enumerate(waits)}
    with pytest.MonkeyPatch.context() as monkeypatch:
        started = run(waits_for, jobs, "", monkeypatch)
    assert sorted(started) == sorted(waits_for)
    assert all(started.index(m) < started.index(n) for n, before in waits_for.items() for m in before)


def test_what_most_stages_follow_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parallel.stages_behind(CHAIN) == {"a": 2, "b": 1, "x": 1, "c": 0, "y": 0}
    assert run(dict(reversed(CHAIN.items())), 1, "", monkeypatch)[0] == "a"


def test_as_many_stages_run_together_as_there_are_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(2, timeout=20)
    monkeypatch.setattr(parallel, "repro", lambda *_: meeting.wait() >= 0)
    parallel.side_by_side({"a": set(), "b": set(), "c": {"a"}, "d": {"b"}}, 2)


def test_a_failure_is_named_and_only_what_waits_for_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"for the reason above: b$"):
        run(CHAIN, 1, "b", monkeypatch)
    started: list[str] = []
    monkeypatch.setattr(parallel, "repro", lambda _, name: started.append(name) is None and name != "b")
    with pytest.raises(UserError):
        parallel.side_by_side(CHAIN, 2)
    assert sorted(started) == ["a", "b", "x", "y"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of DVC: one -> two -> three, and another stage; all done."""
    stages = "".join(
        f"  {name}:\n    cmd: cat {dep} > {name}.txt\n    deps: [{dep}]\n    outs: [{name}.txt]\n"
        for name, dep in (("one", "a"), ("two", "one.txt"), ("three", "two.txt"), ("other", "b"))
    )
    (tmp_path / "dvc.yaml").write_text(f"stages:\n{stages}")
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
    assert parallel.repro()
    return tmp_path


def test_only_what_changed_and_what_follows_it_is_left_to_run(project: Path) -> None:
    assert parallel.changed() == {}
    (project / "a").write_text("new")
    assert parallel.changed() == {"one": set(), "two": {"one"}, "three": {"two"}}
    parallel.side_by_side(parallel.changed(), 2)
    assert parallel.changed() == {} and (project / "three.txt").read_text() == "new"
    (project / "two.txt").unlink()
    (project / "b").write_text("new")
    assert parallel.changed() == {"two": set(), "three": {"two"}, "other": set()}


def test_the_preparation_comes_first_and_its_failure_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(parallel, "repro", lambda *names: asked.append(names) or len(asked) > 1)
    monkeypatch.setattr(parallel, "changed", lambda: {"train@x": set()})
    monkeypatch.setattr(parallel.devices, "best", lambda: "cpu")
    monkeypatch.setattr("sys.argv", ["parallel.py", "--jobs", "2"])
    with pytest.raises(UserError, match="the preparation failed"):
        parallel.main()
    parallel.main()
    assert asked == [parallel.PREPARATION, parallel.PREPARATION, ("--single-item", "train@x")]
    monkeypatch.setattr("sys.argv", ["parallel.py", "--jobs", "1"])
    parallel.main()
    assert len(asked) == 3
