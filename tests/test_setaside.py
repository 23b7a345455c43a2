"""A track that a stage sets aside is named with its reason, and the others go on in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowend import cache, shards
from lowend.cache import Kept
from lowend.setaside import sort_out
from lowend.tracks import Rejected, Track


def test_reasons_are_kept_and_logged_and_the_rest_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    members = {
        "a": shards.note("a", {}, []),
        "b": shards.Member("b", cache.REJECTED, b"silent"),
        "c": shards.note("c", {}, []),
    }
    for name, member in members.items():
        shards.write_tar(tmp_path / f"{name}.tar", [member])
    tracks = [Track(name, f"{name}.wav") for name in members]
    usable, rejected = sort_out(tracks, [Kept(name, tmp_path / f"{name}.tar") for name in members], "normalize")
    assert [(track.id, kept.id) for track, kept in usable] == [("a", "a"), ("c", "c")]
    assert rejected == [Rejected("b.wav", "normalize", "silent")]
    assert "set aside: b.wav: silent" in caplog.text
