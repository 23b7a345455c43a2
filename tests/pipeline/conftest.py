"""One tiny run of the graph for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone, run once from end to end; tests that change it take `clone`."""
    where = tmp_path_factory.mktemp("clone") / "lowend"
    tiny.make(where)
    return where


@pytest.fixture
def clone(repo: Path) -> Iterator[Path]:
    """The finished run; what a test changes in files and outputs is put back."""
    yield repo
    tiny.run(repo, "git", "checkout", "-q", "--", ".")
    tiny.run(repo, "git", "clean", "-qfd")
    tiny.run(repo, "dvc", "checkout", "-q", "--force")
