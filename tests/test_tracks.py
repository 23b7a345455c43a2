"""The track table as a file: what text survives, and what a broken file is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import tracks
from lowend.errors import UserError
from lowend.tracks import Rejected, Track

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ODD = ("a\nb", "a\r\nb", "a\rb", "a\x00b", '"', "'=1+1", " lead", "日本, – ü", "\u2028")


@given(TEXT, st.none() | st.integers(40, 220).map(float), st.integers(1, 3))
def test_text_numbers_and_nothing_survive_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, text: str, bpm: float | None, tier: int
) -> None:
    path = tmp_path_factory.mktemp("t") / "tracks.csv"
    rows = [Track(f"a{n}", 'a,"b".wav', odd, artist=odd) for n, odd in enumerate(ODD)]
    rows += [Track("b", "x", text, artist=text, bpm=bpm, tier=tier), Track("c", "y", bpm=139.53, duration=20.25)]
    rows += [Track("d", "z", duration=0.0)]
    tracks.write_tracks(path, rows[::-1])
    assert tracks.read_tracks(path) == rows
    first = path.read_bytes()
    tracks.write_tracks(path, rows)
    assert path.read_bytes() == first


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    tracks.write_tracks(path, [Track("a", "x", bpm=140.0)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert tracks.read_tracks(path) == [Track("a", "x", bpm=140.0)]


def test_a_broken_table_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(UserError, match=r"t\.csv not found"):
        tracks.read_tracks(path)
    path.write_text("id,file_path\na,x\n")
    with pytest.raises(UserError, match="lacks the columns title, artist"):
        tracks.read_tracks(path)
    tracks.write_tracks(path, [Track("a", "x", bpm=9.0, tier=1)])
    whole = path.read_text()
    path.write_text(whole.removesuffix(",1\n") + ",first\n")
    with pytest.raises(UserError, match=r"t\.csv: tier of a must be a number, got 'first'"):
        tracks.read_tracks(path)
    path.write_text(whole.replace(",9,", ",fast,"))
    with pytest.raises(UserError, match=r"t\.csv: bpm of a must be a number, got 'fast'"):
        tracks.read_tracks(path)
    path.write_bytes("id,file_path\n1,caf\xe9\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"t\.csv is not UTF-8"):
        tracks.read_tracks(path)


@pytest.mark.parametrize(("text", "value"), [("", None), (None, None), ("  ", None), ("140", 140.0), (" 1e2 ", 100.0)])
def test_a_number_or_an_empty_cell(text: str | None, value: float | None) -> None:
    assert tracks.number(text, "x") == value


@pytest.mark.parametrize("text", ["fast", "140 BPM", "1,5", "nan", "inf", "-inf"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"bpm of a must be a number, got '{text}'"):
        tracks.number(text, "bpm of a")


def test_reasons_and_json_are_written_the_same_way_in_any_order(tmp_path: Path) -> None:
    rows = [Rejected("b, c.mp3", "download", 'silent: "quoted"'), Rejected("a.mp3", "separate", "x")]
    for name, order in (("one", rows), ("two", rows[::-1])):
        tracks.write_rejected(tmp_path / name, order)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert tracks.read_rejected(tmp_path / "one") == rows[::-1]
    for name, value in (("1.json", {"a": 1, "b": 2}), ("2.json", {"b": 2, "a": 1})):
        tracks.write_json(tmp_path / "new" / name, value)
    assert (tmp_path / "new/1.json").read_bytes() == (tmp_path / "new/2.json").read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        tracks.write_json(tmp_path / "nan.json", {"loss": float("nan")})


def test_sections_are_read_from_the_structure() -> None:
    assert Track("a", "x").sections == []
    assert Track("a", "x", structure='[{"name": "drop", "start": 1, "end": 9}]').sections[0]["end"] == 9
