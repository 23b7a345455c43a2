"""What a user says of tracks wins for every kind of source, and what the review page writes leaves the rest alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend.errors import UserError
from lowend.sources import Fetched, metadata
from lowend.tracks import Rejected, Track, read_csv, read_rejected, read_tracks

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = '[{"name": "drop", "start": 4.0, "end": 8.5}]'


def told(folder: Path, table: str, *tracks: Track) -> list[Track]:
    (folder / "metadata.csv").write_text(table)
    return metadata.apply(Fetched(list(tracks), []), metadata.read(folder)).tracks


def test_what_the_user_says_wins_over_what_the_source_said(tmp_path: Path) -> None:
    known = Track("1", "a", "Old", "Ann", "dubstep", "riddim", bpm=70.0, key="F minor", licence="CC0-1.0", tier=1)
    (track,) = told(
        tmp_path,
        "file_path,title,genre,sub_genre,caption,bpm,key,instruments,duration,structure,chords,licence\n"
        f'a,New,jazz,brostep,my words,140,,choir,9,"{SECTIONS.replace(chr(34), chr(34) * 2)}","Am, F",CC BY-NC 4.0\n',
        known,
    )
    assert (track.title, track.artist, track.sub_genre, track.caption) == ("New", "Ann", "brostep", "my words")
    assert (track.bpm, track.key, track.instruments, track.chords) == (140.0, "F minor", "choir", "Am, F")
    assert track.sections == json.loads(SECTIONS)
    assert (track.licence, track.tier) == ("CC-BY-NC-4.0", 2)
    assert (track.genre, track.duration) == ("dubstep", None), "a track stays in its source's lane"


def test_excluded_tracks_of_any_kind_are_left_out_and_strays_are_named(tmp_path: Path) -> None:
    (tmp_path / "exclude.csv").write_text("file_path,reason\na,sounds bad\nnone,\nread,\n")
    (tmp_path / "metadata.csv").write_text("file_path,title\nb,B\nbroken,C\ngone,D\n")
    tables = metadata.read(tmp_path)
    before = [Rejected("broken", "download", "silent"), Rejected("read", "download", "exclude.csv: no reason given")]
    found = metadata.apply(Fetched([Track("1", "a"), Track("2", "b")], before), tables)
    assert [(t.file_path, t.title) for t in found.tracks] == [("b", "B")]
    assert found.rejected == [*before, Rejected("a", "download", "exclude.csv: sounds bad")]
    assert [(r.file_path, r.reason) for r in metadata.strays(found, tables)] == [
        ("gone", "metadata.csv: no such audio file"),
        ("none", "exclude.csv: no such audio file"),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file_path,flags\na,x\n", "unknown column 'flags'"),
        ("file_path,bpm_confidence\na,1\n", "unknown column 'bpm_confidence'"),
        ("file_path,variants\na,x\n", "unknown column 'variants'"),
        ("file_path,bpm\na,1400\n", "metadata.csv: bpm of a must be 20 to 400 beats a minute, got 1400"),
        ("file_path,wobble_hz\na,47\n", "metadata.csv: wobble_hz of a must be 0.1 to 30 turns a second, got 47"),
        ("file_path,bpm\na,fast\n", "metadata.csv: bpm of a must be a number, got 'fast'"),
    ],
)
def test_what_only_analysis_can_say_and_what_means_nothing_is_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        told(tmp_path, table, Track("1", "a"))


def test_a_tempo_of_zero_says_nothing(tmp_path: Path) -> None:
    (track,) = told(tmp_path, "file_path,bpm\na,0\n", Track("1", "a", bpm=140.0))
    assert track.bpm == 140.0


def test_a_synthesised_source_takes_corrections_too(tmp_path: Path) -> None:
    """The stage itself: rows are named by the track table's file_path, and win over the synthesiser's truth."""
    (tmp_path / "params.yaml").write_text(
        "seed: 0\ndownload: {part_s: 600}\n"
        "sources:\n  s: {kind: synth, genre: hiphop, path: kept, tracks: 2, seconds: 8.0, palette: 1}\n"
    )
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/metadata.csv").write_text("file_path,bpm,caption\nboom bap 0000,77,my words\nno such 0000,,\n")
    (tmp_path / "kept/exclude.csv").write_text("file_path\ntrap 0000\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "LOWEND_WORKERS": "1"}
    command = [sys.executable, str(ROOT / "src/download.py"), "s", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (track,) = read_tracks(tmp_path / "out/tracks.csv")
    assert (track.file_path, track.bpm, track.caption, track.licence) == ("boom bap 0000", 77.0, "my words", "CC0-1.0")
    assert [(r.file_path, r.reason) for r in read_rejected(tmp_path / "out/rejected.csv")] == [
        ("no such 0000", "metadata.csv: no such audio file"),
        ("trap 0000", "exclude.csv: no reason given"),
    ]


def test_saving_keeps_every_other_row_column_and_cell(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text('file_path,artist,bpm,caption\n./a.mp3,Ann,140,"one, two"\nb.mp3,Ben,,\n')
    metadata.save(path, {"b.mp3": {"bpm": "87.5", "key": "F minor"}, "c/d.mp3": {"caption": "three,\nfour"}})
    assert path.read_text() == (
        'file_path,artist,bpm,caption,key\n./a.mp3,Ann,140,"one, two",\nb.mp3,Ben,87.5,,F minor\n'
        'c/d.mp3,,,"three,\nfour",\n'
    )
    metadata.save(path, {"a.mp3": {"bpm": ""}})
    assert read_csv(path)[0] == {"file_path": "./a.mp3", "artist": "Ann", "bpm": "", "caption": "one, two", "key": ""}
    assert [p.name for p in tmp_path.iterdir()] == ["metadata.csv"]


def test_saving_keeps_a_tables_own_spellings(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text("filename,license\na.mp3,CC0\n", encoding="utf-8-sig")
    metadata.save(path, {"a.mp3": {"licence": "CC-BY-4.0"}, "b.mp3": {"bpm": "90"}})
    assert path.read_bytes().decode("utf-8") == "\ufefffilename,license,bpm\na.mp3,CC-BY-4.0,\nb.mp3,,90\n"


def test_the_first_save_makes_the_table(tmp_path: Path) -> None:
    metadata.save(tmp_path / "new/metadata.csv", {"a.mp3": {"bpm": "90"}})
    assert (tmp_path / "new/metadata.csv").read_text() == "file_path,bpm\na.mp3,90\n"


def test_nothing_is_saved_where_something_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text("file_path,bpm\na,90\n")
    with pytest.raises(ValueError, match="structure .* must be JSON like"):
        metadata.save(path, {"a": {"bpm": "91", "structure": "drop at 9"}})
    assert path.read_text() == "file_path,bpm\na,90\n"
    path.write_text("file_path,mood\na,dark\n")
    with pytest.raises(UserError, match="unknown column 'mood'"):
        metadata.save(path, {"a": {"bpm": "91"}})
    assert path.read_text() == "file_path,mood\na,dark\n"


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(['a,"b"', "x\ny", "x\ry"])


@given(st.dictionaries(st.sampled_from(["a", "b", "é.mp3"]), st.tuples(CELL, CELL)), st.tuples(CELL, CELL))
def test_whatever_is_saved_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, tuple[str, str]], last: tuple[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    metadata.save(folder / "metadata.csv", {"z": {"title": "kept", "caption": ""}})
    changes = {name: {"title": title, "caption": caption} for name, (title, caption) in rows.items()}
    metadata.save(folder / "metadata.csv", changes)
    metadata.save(folder / "metadata.csv", {"a": dict(zip(("title", "caption"), last, strict=True))})
    want = {**changes, "a": {"title": last[0], "caption": last[1]}, "z": {"title": "kept"}}
    said = {n: {c: t.strip() for c, t in row.items() if t.strip()} for n, row in want.items()}
    assert metadata.read(folder).said == said
