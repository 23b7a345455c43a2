"""Shards: they give back what was put in, with stable bytes over time and order; odd ids are refused."""

from __future__ import annotations

import json
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import shards
from lowend.shards import Member

CONTENT = st.dictionaries(
    st.text("0123456789abcdef", min_size=4, max_size=6),
    st.dictionaries(
        st.sampled_from(["mix.flac", "json", "drums.npy", "drops-0.flac", "x.y.npy"]),
        st.binary(max_size=40) | st.just(b"\0" * 1025),
        min_size=1,
    ),
    min_size=1,
)


@given(CONTENT)
def test_shards_give_back_what_was_put_in(tmp_path_factory: pytest.TempPathFactory, content: dict) -> None:
    folder = tmp_path_factory.mktemp("s")
    rows = [[Member(i, n, d) for n, d in sorted(files.items())] for i, files in sorted(content.items())]
    shards.write(folder / "a", rows)
    shards.write(folder / "b", [row[::-1] for row in rows])
    found = list(shards.read(folder / "a"))
    for row in rows:
        assert [m for m in found if m.id == row[0].id] == row
        assert shards.read_track(folder / "a", row[0].id) == content[row[0].id]
    assert len(found) == sum(map(len, rows))
    a, b = ({p.name: p.read_bytes() for p in (folder / n).iterdir()} for n in "ab")
    assert a == b


def test_one_more_track_changes_one_shard(tmp_path: Path) -> None:
    rows = [[Member(f"{n:04d}", "json", b"x")] for n in range(40)]
    shards.write(tmp_path / "a", rows)
    shards.write(tmp_path / "b", [*rows, [Member("9999", "json", b"y")]])
    names = {p.name for p in (tmp_path / "b").iterdir()}
    same = [n for n in names if (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes()]
    assert len(names) - len(same) == 1
    with tarfile.open(tmp_path / "a" / "000.tar") as tar:
        assert {(m.mtime, m.uid, m.mode) for m in tar} == {(0, 0, 0o644)}
    with pytest.raises(KeyError, match="in no shard"):
        shards.read_track(tmp_path / "a", "nothere")


@pytest.mark.parametrize("ids", [["a.b"], ["b", "a"], ["a", "c", "b"]])
def test_ids_with_dots_or_out_of_order_are_refused(tmp_path: Path, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="without dots and increasing"):
        shards.write(tmp_path, [[Member(i, "json", b"")] for i in ids])


def test_bytes_do_not_depend_on_the_clock_or_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[Member("a", "mix.flac", b"1"), Member("a", "json", b"{}")]]
    shards.write(tmp_path / "now", rows)
    monkeypatch.setattr(time, "time", lambda: 9e9)
    shards.write(tmp_path / "much/later", rows)
    (one,), (two,) = ((tmp_path / n).glob("*.tar") for n in ("now", "much/later"))
    assert one.name == two.name and one.read_bytes() == two.read_bytes()


@given(st.sets(st.text("0123456789abcdef", min_size=16, max_size=16), min_size=20, max_size=60))
def test_tracks_spread_over_shards_by_their_id_alone(ids: set[str]) -> None:
    names = {i: shards.shard_name(i) for i in ids}
    assert set(names.values()) <= {f"{n:03d}.tar" for n in range(shards.SHARDS)}
    assert names == {i: shards.shard_name(i) for i in sorted(ids)}


def test_shard_names_are_those_of_folders_already_written() -> None:
    assert [shards.shard_name(i) for i in ("0000000000000000", "a", "0123456789abcdef")] == [
        "002.tar",
        "002.tar",
        "001.tar",
    ]


def test_a_prefix_of_an_id_is_another_track(tmp_path: Path) -> None:
    ids = [i for i in (f"ab{n}" for n in range(400)) if shards.shard_name(i) == shards.shard_name("ab")]
    shards.write(tmp_path, [[Member(i, "json", i.encode())] for i in ["ab", *sorted(ids)]])
    assert len(ids) > 3
    assert shards.read_track(tmp_path, "ab") == {"json": b"ab"}
    with pytest.raises(KeyError, match="track a is in no shard of"):
        shards.read_track(tmp_path, "a")


def test_json_is_the_same_bytes_for_the_same_value() -> None:
    assert (
        shards.json_bytes({"b": 1, "a": "ü"})
        == shards.json_bytes({"a": "ü", "b": 1})
        == '{\n "a": "ü",\n "b": 1\n}\n'.encode()
    )


def test_merged_tars_are_the_shards_that_writing_makes(tmp_path: Path) -> None:
    rows = [[Member(f"{n:02d}", name, bytes([n]) * n) for name in ("mix.flac", "json")] for n in range(40)]
    shards.write(tmp_path / "written", rows)
    for row in rows:
        shards.write_tar(tmp_path / "tars" / f"{row[0].id}.tar", row)
    homes = [(row[0].id, tmp_path / "tars" / f"{row[0].id}.tar") for row in rows]
    shards.merge(tmp_path / "merged", homes)
    written, merged = ({p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in ("written", "merged"))
    assert written == merged
    with pytest.raises(ValueError, match="increasing"):
        shards.merge(tmp_path / "wrong", homes[::-1])


def test_some_members_of_a_track_are_read_alone_and_a_new_file_is_noticed(tmp_path: Path) -> None:
    shards.write(tmp_path, [[Member("a", "json", b'{"x": 1}'), Member("a", "mix.flac", b"audio")]])
    assert shards.read_track(tmp_path, "a", "mix.flac") == {"mix.flac": b"audio"}
    assert shards.read_track(tmp_path, "a", "bass.flac") == {} and shards.read_note(tmp_path, "a") == {"x": 1}
    shards.write(tmp_path, [[Member("a", "json", b'{"x": 22}'), Member("a", "mix.flac", b"audio")]])
    assert shards.read_note(tmp_path, "a") == {"x": 22}


def test_a_notes_digest_is_of_the_other_members_in_any_order() -> None:
    members = [Member("a", "mix.flac", b"audio"), Member("a", "bass.flac", b"low")]
    digests = {
        json.loads(shards.note("a", {"x": x}, rows).data)["digest"]
        for x, rows in ((1, members), (2, members[::-1]), (1, members[:1]), (1, [Member("a", "mix.flac", b"other")]))
    }
    assert len(digests) == 3
