"""What outlives a stage: folders named by content, and one tar file a track."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from lowend import cache, shards
from lowend.errors import Unusable, UserError
from lowend.shards import Member


def test_scratch_depends_on_every_part_and_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOWEND_SCRATCH", raising=False)
    base = cache.scratch("encode", "a", "b")
    assert base.parts[:2] == ("scratch", "encode") and base == cache.scratch("encode", "a", "b")
    others = {cache.scratch("encode", *parts) for parts in (("ab",), ("a", "c"), ("b", "a"), ("a", "b", ""))}
    assert len(others) == 4 and base not in others
    assert not base.exists()
    monkeypatch.setenv("LOWEND_SCRATCH", "/elsewhere")
    assert cache.scratch("encode", "a", "b") == Path("/elsewhere/encode") / base.name


def test_a_folders_hash_is_its_content_not_its_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep/a").write_bytes(b"1")
        (tmp_path / name / "b").write_bytes(b"2")
    assert cache.files(tmp_path / "one") == cache.files(tmp_path / "two")
    seen = {cache.files(tmp_path / "one")}
    (tmp_path / "two/b").write_bytes(b"3")
    seen.add(cache.files(tmp_path / "two"))
    (tmp_path / "two/b").rename(tmp_path / "two/c")
    seen.add(cache.files(tmp_path / "two"))
    (tmp_path / "two/d").write_bytes(b"")
    seen.add(cache.files(tmp_path / "two"))
    assert len(seen) == 4


def test_a_module_that_changes_changes_the_cache(tmp_path: Path) -> None:
    module = ModuleType("mine")
    module.__file__ = str(tmp_path / "mine.py")
    (tmp_path / "mine.py").write_text("a = 1\n")
    before = cache.code(module, sys.modules["lowend.cache"])
    (tmp_path / "mine.py").write_text("a = 2\n")
    assert cache.code(module, sys.modules["lowend.cache"]) != before


@dataclass(frozen=True)
class Job:
    id: str
    home: Path


def jobs(folder: Path, names: str) -> list[Job]:
    return [Job(n, cache.home(folder, n, "input")) for n in names]


def make(job: Job) -> list[Member]:
    """Every call leaves a trace; "r" is set aside, "k" kills its worker once, and "f" always."""
    with (job.home.parent.parent / "calls").open("a") as calls:
        calls.write(job.id)
    if job.id == "r":
        raise Unusable("silent")
    marker = job.home.with_suffix(".killed")
    if job.id == "f" or (job.id == "k" and not marker.exists()):
        job.home.parent.mkdir(exist_ok=True, parents=True)
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [shards.note(job.id, {"name": job.id}, [])]


def test_only_what_is_new_is_made_and_results_keep_their_order(tmp_path: Path) -> None:
    first = cache.compute(make, jobs(tmp_path / "s", "acr"), "x")
    assert [k.id for k in first] == ["a", "c", "r"]
    assert [k.reason for k in first] == [None, None, "silent"] and first[1].note["name"] == "c"
    assert sorted((tmp_path / "calls").read_text()) == ["a", "c", "r"]
    again = cache.compute(make, jobs(tmp_path / "s", "abcr"), "x")
    assert [k.id for k in again] == ["a", "b", "c", "r"] and again[3].reason == "silent"
    assert sorted((tmp_path / "calls").read_text()) == ["a", "b", "c", "r"], "what was set aside is remembered too"
    assert {p.suffix for p in (tmp_path / "s").iterdir()} == {".tar"}, "no temporary file is left"


def test_other_inputs_are_other_homes(tmp_path: Path) -> None:
    homes = {cache.home(tmp_path, "a", *inputs) for inputs in ((), ("x",), ("x", "y"), ("xy",), ("y", "x"))}
    assert len(homes) == 5 and cache.home(tmp_path, "a", "x") == cache.home(tmp_path, "a", "x")


def in_pairs(some: Sequence[Job]) -> Iterator[cache.Made]:
    assert len(some) <= 2
    for job in some:
        yield (
            Unusable("silent")
            if job.id == "r"
            else [Member(job.id, "json", b"{}"), Member(job.id, "n", b"%d" % len(some))]
        )


def test_groups_hold_at_most_so_many_and_one_result_each(tmp_path: Path) -> None:
    found = cache.compute_groups(in_pairs, jobs(tmp_path, "abrde"), "x", 2)
    assert [k.read("n") for k in found] == [b"2", b"2", None, b"2", b"1"] and found[2].reason == "silent"


def test_a_killed_worker_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "2")
    found = cache.compute(make, jobs(tmp_path / "s", "abkcd"), "x")
    assert [k.note["name"] for k in found] == list("abkcd")
    untouched = cache.compute(make, jobs(tmp_path / "t", "abcd"), "x")
    assert [k.home.read_bytes() for k in untouched] == [k.home.read_bytes() for k in found if k.id != "k"]


def test_a_worker_that_dies_every_time_ends_with_a_sentence_and_loses_no_other_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "2")
    wanted = jobs(tmp_path / "s", "abfcd")
    with pytest.raises(UserError, match=r"x: worker processes died 3 times.*set LOWEND_WORKERS=1"):
        cache.compute(make, wanted, "x")
    assert [j.id for j in wanted if not j.home.exists()] == ["f"]
