"""Track tables, licences, shards and the cache: what the stages hand each other."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import cache, captions, licences, shards, tracks
from lowend.errors import UserError
from lowend.shards import Member
from lowend.tracks import Track

ROOT = Path(__file__).resolve().parents[1]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=20)


@given(title=TEXT, bpm=st.none() | st.integers(40, 220).map(float), tier=st.integers(1, 3))
def test_a_track_table_survives_writing(
    tmp_path_factory: pytest.TempPathFactory, title: str, bpm: float, tier: int
) -> None:
    path = tmp_path_factory.mktemp("t") / "tracks.csv"
    rows = [Track("b", 'a,"b".wav', title, bpm=bpm, tier=tier), Track("a", "x")]
    tracks.write_tracks(path, rows)
    assert tracks.read_tracks(path) == rows[::-1]
    first = path.read_bytes()
    tracks.write_tracks(path, rows[::-1])
    assert path.read_bytes() == first


def test_a_bad_table_names_file_and_cell(tmp_path: Path) -> None:
    path = tmp_path / "tracks.csv"
    tracks.write_tracks(path, [Track("a", "x", bpm=1.0)])
    path.write_text(path.read_text().replace(",1,", ",fast,", 1))
    with pytest.raises(UserError, match="bpm of a must be a number, got 'fast'"):
        tracks.read_tracks(path)
    path.write_bytes("id,file_path\n1,caf\xe9\n".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        tracks.read_tracks(path)


@pytest.mark.parametrize(
    ("text", "spdx", "tier"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0", 1),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/us/", "CC-BY-NC-SA-3.0", 2),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", 1),
        ("cc by-sa 3.0", "CC-BY-SA-3.0", 2),
        ("CC0", "CC0-1.0", 1),
        ("bsd-2-clause", "BSD-2-Clause", 1),
        ("GPL-2.0-or-later", "GPL-2.0-or-later", 2),
        ("(c) 2020 Somebody", "(c) 2020 Somebody", 3),
        ("", "", 3),
    ],
)
def test_licences_are_understood(text: str, spdx: str, tier: int) -> None:
    assert licences.normalise(text) == spdx and licences.tier(spdx) == tier


@given(TEXT)
def test_unknown_text_never_opens_the_gate(text: str) -> None:
    found = licences.normalise(text)
    assert licences.tier(found) == 3 or "CC" in found or found in ("MIT", "0BSD", "PDM-1.0")
    assert licences.normalise(found) == found


def test_an_unknown_gate_is_refused() -> None:
    with pytest.raises(UserError, match="commercial or research, got 'mine'"):
        licences.highest_tier("mine")


MEMBERS = st.dictionaries(
    st.text("0123456789abcdef", min_size=4, max_size=6),
    st.dictionaries(st.sampled_from(["mix.flac", "json", "drums.npy"]), st.binary(max_size=40), min_size=1),
    min_size=1,
)


@given(MEMBERS)
def test_shards_give_back_what_was_put_in(tmp_path_factory: pytest.TempPathFactory, content: dict) -> None:
    folder = tmp_path_factory.mktemp("s")
    rows = [[Member(i, n, d) for n, d in files.items()] for i, files in sorted(content.items())]
    shards.write(folder / "a", rows)
    shards.write(folder / "b", [row[::-1] for row in rows])
    assert {i: shards.read_track(folder / "a", i) for i in content} == content
    assert sum(1 for _ in shards.read(folder / "a")) == sum(map(len, rows))
    assert cache.files(folder / "a") == cache.files(folder / "b")


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


def test_a_cached_track_is_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> list[Member]:
        made.append(1)
        return [Member("a", "json", b"1"), Member("a", "x.npy", b"2")]

    found = [cache.members(tmp_path / "c", "a", make) for _ in range(2)]
    assert len(made) == 1 and sorted(found[0], key=str) == sorted(found[1], key=str)


def test_a_killed_track_is_not_in_the_cache(tmp_path: Path) -> None:
    def killed() -> list[Member]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.members(tmp_path, "a", killed)
    assert cache.members(tmp_path, "a", lambda: [Member("a", "json", b"")])


def test_the_wording_of_captions_is_fixed() -> None:
    template = captions.load_template(ROOT / captions.TEMPLATE)
    track = Track("1", "x", genre="hiphop", sub_genre="trap", bpm=139.53, key="F minor", energy_level="high")
    text = captions.caption(
        Track(**{f: getattr(track, f) for f in tracks.COLUMNS} | {"instruments": "drums"}), template
    )
    assert text == "trap hip-hop at 140 BPM in F minor, high energy, with drums"
    assert captions.caption(Track("1", "x", genre="dubstep", sub_genre="dubstep"), template) == "dubstep"
    assert captions.caption(Track("1", "x", genre="dubstep", caption="my words"), template) == "my words"
    assert captions.for_view("trap", "drops-1", template) == "drop, trap"
