"""Prune: what no stage owns goes, what a stage owns or a person wrote stays."""

from __future__ import annotations

from pathlib import Path

from dvc.utils.serialize import load_yaml
from hypothesis import given
from hypothesis import strategies as st

import prune

LOCK = """schema: '2.0'
stages:
  download@mine: {cmd: a}
  download@gone: {cmd: b}
  base: {cmd: c}
"""
PATHS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple), max_size=8)


def test_entries_of_removed_stages_leave_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(LOCK)
    assert prune.forget(lock, {"base", "download@mine", "new"}, dry=True) == ["download@gone"]
    assert lock.read_text() == LOCK
    assert prune.forget(lock, {"base", "download@mine", "new"}, dry=False) == ["download@gone"]
    assert load_yaml(lock) == {"schema": "2.0", "stages": {"download@mine": {"cmd": "a"}, "base": {"cmd": "c"}}}
    assert prune.forget(lock, {"base", "download@mine"}, dry=False) == []
    assert prune.forget(tmp_path / "none.lock", {"base"}, dry=False) == []


@given(PATHS, PATHS)
def test_every_file_is_owned_or_found_once_as_high_up_as_can_be(tmp_path_factory, files: list, outs: list) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path_factory.mktemp("r") / "data"
    root.mkdir()
    for n, parts in enumerate(files):
        folder = root.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file{n}").write_text("")
    owned = {root.joinpath(*parts) for parts in outs}
    found = prune.orphans(root, owned)
    for path in filter(Path.is_file, root.rglob("*")):
        is_owned = any(path.is_relative_to(out) for out in owned)
        assert sum(path.is_relative_to(o) for o in found) == (0 if is_owned else 1), path
    assert all(o.exists() for o in found) and root not in found and found == sorted(found)
    assert all(o.parent == root or any(o.parent in out.parents for out in owned) for o in found)


def test_readmes_stay_and_a_missing_folder_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/README.md").write_text("by hand")
    (tmp_path / "models/old").mkdir()
    assert prune.orphans(tmp_path / "models", set()) == [tmp_path / "models/old"]
    assert prune.orphans(tmp_path / "reports", set()) == []
