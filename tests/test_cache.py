"""What outlives a stage: folders named by content, and one tar file a track."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from lowend import cache
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


def test_what_was_made_is_read_again_and_other_tracks_are_not_touched(tmp_path: Path) -> None:
    content = {i: [Member(i, "json", i.encode()), Member(i, "x.npy", b"2")] for i in ("a", "b")}
    made = {i: cache.members(tmp_path, i, lambda i=i: content[i]) for i in content}  # type: ignore[misc]

    def never() -> list[Member]:
        raise AssertionError("made twice")

    assert {i: cache.members(tmp_path, i, never) for i in content} == made == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"], "no temporary folder is left"
    assert cache.digest(b"x") != cache.digest(b"y") and cache.digest(b"x") == cache.digest(b"x")


def test_a_killed_track_is_not_in_the_cache(tmp_path: Path) -> None:
    def killed() -> list[Member]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.members(tmp_path, "a", killed)
    assert cache.members(tmp_path, "a", lambda: [Member("a", "json", b"")])
