"""What is read of a genre: every track where it went, and nothing of a source that was removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowend import dataset, shards
from lowend.errors import UserError
from lowend.tracks import Rejected, Track, write_rejected, write_tracks

SOURCES = {"crate": {"genre": "hiphop"}, "vault": {"genre": "hiphop"}}
FREE = {"licence": "CC0-1.0", "tier": 1}


@pytest.fixture
def folders(tmp_path: Path) -> dataset.Folders:
    crate = [
        Track("a", "a.wav", **FREE, fingerprint="f1"),
        Track("b", "b.wav", **FREE, fingerprint="f2"),
        Track("c", "c.wav", licence="CC-BY-NC-4.0", tier=2),
        Track("d", "d.wav", licence="CC-BY-NC-4.0", tier=2, fingerprint="f1"),
        Track("g", "g.wav"),
    ]
    vault = [Track("a", "a again.wav", **FREE, fingerprint="f1"), Track("e", "e.wav", **FREE)]
    found = dataset.Folders(*(tmp_path / name for name in ("captions", "audio", "stems", "splits")))
    for key, rows in (("crate", crate), ("vault", vault), ("removed", [Track("z", "z.wav")])):
        write_tracks(found.captions / "hiphop" / f"{key}.csv", rows)
        for folder in (found.audio, found.stems):
            shards.write(folder / "hiphop" / key, [[shards.note(t.id, {"of": folder.name}, [])] for t in rows])
        write_rejected(found.audio / "hiphop" / key / "rejected.csv", [Rejected(f"{key}.mp3", "download", "silent")])
    for side, ids in (("train", "a"), ("valid", "e"), ("test", "g")):
        write_tracks(found.splits / f"{side}.csv", [t for t in (*crate, *vault[1:]) if t.id in ids])
    return found


def test_every_track_is_read_with_its_side_and_notes(folders: dataset.Folders) -> None:
    data = dataset.read("hiphop", folders, SOURCES, "commercial")
    assert [(e.source, e.track.id, e.side) for e in data.entries] == [
        ("crate", "a", "train"),
        ("crate", "b", "duplicates"),  # free, and yet in no split: the recording is in another genre
        ("crate", "c", "gated"),
        ("crate", "d", "duplicates"),  # the recording of a
        ("crate", "g", "test"),  # an unknown licence is no obstacle there
        ("vault", "a", "duplicates"),
        ("vault", "e", "valid"),
    ]
    assert {e.audio["of"] for e in data.entries} == {"audio"}
    assert {e.stems["of"] for e in data.entries} == {"stems"}
    assert {key: [r.file_path for r in files] for key, files in data.rejected.items()} == {
        "crate": ["crate.mp3"],
        "vault": ["vault.mp3"],
    }


def test_an_unknown_gate_and_a_missing_table_are_named(folders: dataset.Folders) -> None:
    with pytest.raises(UserError, match="`licence` must be"):
        dataset.read("hiphop", folders, SOURCES, "free")
    (folders.captions / "hiphop/vault.csv").unlink()
    with pytest.raises(UserError, match=r"hiphop/vault\.csv not found"):
        dataset.read("hiphop", folders, SOURCES, "research")


@pytest.mark.parametrize(
    ("flags", "bpm", "key", "doubts"),
    [
        ("", None, None, []),
        ("", 0.5, 0.9, []),
        ("halves disagree; quiet", 0.9, 0.49, ["halves disagree", "quiet", "key unsure (0.49)"]),
        ("", 0.0, None, ["tempo unsure (0.00)"]),
    ],
)
def test_doubts_are_flags_and_low_confidences(
    flags: str, bpm: float | None, key: float | None, doubts: list[str]
) -> None:
    track = Track("a", "a.wav", flags=flags, bpm_confidence=bpm, key_confidence=key)
    assert dataset.Entry(track, "crate", "train", {}, {}).doubts == doubts
