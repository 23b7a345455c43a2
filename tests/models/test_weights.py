"""Where a checkpoint's file is found when a hub's repository is named, and what tells weights apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowend.errors import UserError
from lowend.models import weights
from lowend.models.weights import Published

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PUBLISHED = Published("net.pth", "https://example.org/net.pth")
PARAM, OFF = "evaluate.weights", "evaluate.embedder: starter"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache on a machine without a network."""
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_a_file_of_a_hub_is_read_at_its_commit(hub_cache: Path) -> None:
    snapshot = hub_cache / "models--someone--net/snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "net.pth").write_bytes(b"x")
    assert weights.find(f"someone/net@{COMMIT}", PARAM, PUBLISHED, OFF) == snapshot / "net.pth"
    with pytest.raises(
        UserError, match=r"evaluate\.weights someone/net@abc: its weights could not .*`evaluate\.embedder: starter`"
    ):
        weights.find("someone/net@abc", PARAM, PUBLISHED, OFF)


def test_weights_are_told_apart_by_their_bytes_not_by_their_place(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.pth").write_bytes(content)
    a, b, c = (weights.identity(str(tmp_path / name)) for name in "abc")
    assert a == b != c
    assert weights.identity(str(tmp_path / "a/net.pth")) != weights.identity(str(tmp_path / "c/net.pth"))
    assert weights.identity("someone/net@abc") == "someone/net@abc" and weights.identity("") == ""
