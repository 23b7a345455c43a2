"""A user's folder in the formats that people have: tags, tables that win, and files that are set aside."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import media
import mutagen
import numpy as np
import pytest
import soundfile as sf
from mutagen.id3 import ID3, TBPM, TCOP, TIT2, TKEY, TPE1, WCOP
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus

from lowend.errors import UserError
from lowend.sources import Fetched, folder, metadata
from lowend.tracks import Track, read_tracks, write_tracks

RATE = 48000
CODECS = {".mp3": "libmp3lame", ".opus": "libopus", ".m4a": "aac"}


def encode(path: Path, hz: float) -> Path:
    """Three seconds of a tone in the format of the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = (0.4 * np.sin(2 * np.pi * hz * np.arange(3 * RATE) / RATE)).astype(np.float32)[None]
    suffix = path.suffix.lower()
    if suffix not in CODECS:
        sf.write(path, wave.T, RATE)
        return path
    media.encode(str(path), None, CODECS[suffix], wave, RATE)
    return path


def fetch(music: Path, out: Path) -> Fetched:
    """As download.py does it."""
    tables = metadata.read(music)
    found = metadata.apply(folder.fetch({"genre": "dubstep"}, music, out, 0), tables)
    return Fetched(found.tracks, [*found.rejected, *metadata.strays(found, tables)])


def only(music: Path, out: Path) -> Track:
    (track,) = fetch(music, out).tracks
    return track


def tag(path: Path, licence: str = "https://creativecommons.org/licenses/by/4.0/") -> None:
    """Title, artist, tempo, key and licence as each format's own taggers write them."""
    if path.suffix.lower() == ".mp3":
        frames = (TIT2(text="Über"), TPE1(text="Ann"), TBPM(text="140"), TKEY(text="Fm"), WCOP(url=licence))
        tags = ID3()
        for frame in frames:
            tags.add(frame)
        tags.save(path)
    elif path.suffix == ".m4a":
        file = MP4(path)
        file["\xa9nam"], file["\xa9ART"], file["tmpo"], file["cprt"] = ["Über"], ["Ann"], [140], [licence]
        file.save()
    else:
        file = OggOpus(path) if path.suffix == ".opus" else mutagen.File(path)
        file["TITLE"], file["artist"], file["BPM"], file["LICENSE"] = ["Über"], ["Ann"], ["140"], [licence]
        file["initialkey"] = ["Fm"]
        file.save()


@pytest.mark.parametrize("name", ["a.mp3", "a.opus", "a.m4a", "a.flac", "a.ogg", "UPPER.MP3", "日本/ü – 1.flac"])
def test_tags_are_read_in_every_format(tmp_path: Path, name: str) -> None:
    tag(encode(tmp_path / "music" / name, 220))
    track = only(tmp_path / "music", tmp_path / "out")
    assert (track.title, track.artist, track.bpm, track.licence, track.tier) == ("Über", "Ann", 140.0, "CC-BY-4.0", 1)
    assert track.key == ("" if name.endswith("m4a") else "Fm") and track.file_path == name
    assert track.duration == pytest.approx(3, abs=0.1)
    copied = tmp_path / "out/audio" / f"{track.id}{Path(name).suffix.lower()}"
    assert copied.read_bytes() == (tmp_path / "music" / name).read_bytes()


@pytest.mark.parametrize("column", ["licence", "license"])
def test_the_tables_licence_wins_over_the_files(tmp_path: Path, column: str) -> None:
    """However the column is spelt: a file tagged CC BY whose owner says NC must not pass the gate."""
    tag(encode(tmp_path / "music/a.flac", 220))
    (tmp_path / "music/metadata.csv").write_text(f"file_path,{column}\na.flac,CC-BY-NC-4.0\n")
    track = only(tmp_path / "music", tmp_path / "out")
    assert (track.licence, track.tier) == ("CC-BY-NC-4.0", 2)


def test_the_tables_columns_win_and_its_empty_cells_do_not(tmp_path: Path) -> None:
    for n, name in enumerate(("sub/a.mp3", "sub/b.mp3")):
        tag(encode(tmp_path / "music" / name, 220 + n))
    (tmp_path / "music/metadata.csv").write_text(
        "filename,title,bpm,key,artist,energy_level,sub_genre,caption,licence\n"
        "./sub/a.mp3, Mine ,87.5,, ,high,riddim,my words,\nsub/b.mp3,,,,,,,,\n",
        encoding="utf-8-sig",
    )
    track, empty = sorted(fetch(tmp_path / "music", tmp_path / "out").tracks, key=lambda t: t.file_path)
    assert (empty.title, empty.artist, empty.bpm, empty.licence) == ("Über", "Ann", 140, "CC-BY-4.0")
    assert (track.title, track.bpm, track.key, track.artist) == ("Mine", 87.5, "Fm", "Ann")
    assert (track.energy_level, track.genre, track.tier) == ("high", "dubstep", 1)
    assert (track.sub_genre, track.caption) == ("riddim", "my words")


def test_a_track_that_nothing_describes_is_called_as_its_file(tmp_path: Path) -> None:
    encode(tmp_path / "music/sub folder/日本 – ü.ogg", 220)
    track = only(tmp_path / "music", tmp_path / "out")
    assert (track.title, track.file_path, track.genre) == ("日本 – ü", "sub folder/日本 – ü.ogg", "dubstep")
    assert (track.artist, track.bpm, track.licence, track.tier) == ("", None, "", 3)


def test_ids_come_from_content(tmp_path: Path) -> None:
    path = encode(tmp_path / "music/a.flac", 220)
    before = only(tmp_path / "music", tmp_path / "a")
    path.rename(tmp_path / "music/renamed.flac")
    after = only(tmp_path / "music", tmp_path / "b")
    assert after.id == before.id and after.file_path != before.file_path


@pytest.mark.parametrize("bpm", ["", "fast", "0", "-140", "nan", "inf", "99999"])
def test_a_tempo_tag_that_is_none_is_none(tmp_path: Path, bpm: str) -> None:
    path = encode(tmp_path / "music/a.flac", 220)
    file = mutagen.File(path)
    file["bpm"] = bpm
    file.save()
    assert only(tmp_path / "music", tmp_path / "out").bpm is None


def test_whatever_a_tag_holds_the_table_can_be_read_again(tmp_path: Path) -> None:
    path = encode(tmp_path / "music/a.mp3", 220)
    tags = ID3()
    for frame in (TIT2(text='one\rtwo, "three"'), TPE1(text=["Ann", "Ben"]), TCOP(text="(c) 2020\nAnn")):
        tags.add(frame)
    tags.save(path)
    found = fetch(tmp_path / "music", tmp_path / "out").tracks
    write_tracks(tmp_path / "tracks.csv", found)
    assert read_tracks(tmp_path / "tracks.csv")[0].title == found[0].title
    assert found[0].tier == 3


def test_broken_files_are_set_aside_by_name(tmp_path: Path) -> None:
    music = tmp_path / "music"
    good = encode(music / "good.mp3", 220)
    (music / "cut.mp3").write_bytes(good.read_bytes()[:300])
    (music / "text.flac").write_text("no audio" * 99)
    (music / "noise.mp3").write_bytes(b"\xff\xfb" + b"nonsense" * 400)
    sf.write(music / "quiet.wav", np.zeros(3 * RATE), RATE)
    sf.write(music / "short.wav", np.ones(RATE) * 0.5, RATE)
    sf.write(music / "nan.wav", np.full(3 * RATE, np.nan), RATE, subtype="FLOAT")
    (music / "again").mkdir()
    (music / "again/good.mp3").write_bytes(good.read_bytes())
    (music / "cover.jpg").write_bytes(b"\xff\xd8")
    found = fetch(music, tmp_path / "out")
    reasons = {r.file_path: r.reason for r in found.rejected}
    assert [t.file_path for t in found.tracks] == ["again/good.mp3"]
    assert [p.stem for p in (tmp_path / "out/audio").iterdir()] == [found.tracks[0].id]
    for name, reason in (
        ("quiet.wav", "silent"),
        ("short.wav", "too short"),
        ("nan.wav", "NaN"),
        ("text.flac", "unreadable"),
    ):
        assert reason in reasons.pop(name)
    assert reasons.pop("good.mp3") == "same file as again/good.mp3"
    assert any(words in reasons.pop("noise.mp3") for words in ("unreadable", "no audio"))
    assert set(reasons) == {"cut.mp3"} and {r.stage for r in found.rejected} == {"download"}


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_match_however_they_are_stored(tmp_path: Path, on_disk: str, in_table: str) -> None:
    """macOS stores `é` as two code points, a table typed elsewhere holds one."""
    for n, name in enumerate(("café.flac", "été.flac")):
        encode(tmp_path / "music" / unicodedata.normalize(on_disk, name), 220 + n)
    kept, left_out = (unicodedata.normalize(in_table, name) for name in ("café.flac", "été.flac"))
    (tmp_path / "music/metadata.csv").write_text(f"file_path,title\n{kept},Mine\n")
    (tmp_path / "music/exclude.csv").write_text(f"file_path\n{left_out}\n")
    found = fetch(tmp_path / "music", tmp_path / "out")
    assert [(t.file_path, t.title) for t in found.tracks] == [("café.flac", "Mine")]
    assert [r.reason for r in found.rejected] == ["exclude.csv: no reason given"]


def test_what_is_excluded_is_not_even_read(tmp_path: Path) -> None:
    encode(tmp_path / "music/a.flac", 220)
    for name in ("b.flac", "d.flac"):
        (tmp_path / "music" / name).write_text("broken")
    (tmp_path / "music/exclude.csv").write_text("file_path,reason\nb.flac,\nc.flac,\nd.flac,sounds bad\n")
    (tmp_path / "music/metadata.csv").write_text("file_path\ne.flac\n")
    found = fetch(tmp_path / "music", tmp_path / "out")
    assert [t.file_path for t in found.tracks] == ["a.flac"]
    reasons = {r.file_path: r.reason for r in found.rejected}
    assert reasons == {
        "b.flac": "exclude.csv: no reason given",
        "c.flac": "exclude.csv: no such audio file",
        "d.flac": "exclude.csv: sounds bad",
        "e.flac": "metadata.csv: no such audio file",
    }


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        fetch(tmp_path / "none", tmp_path / "out")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file_path,title\na.flac,One\nb.flac,One, two\n", "metadata.csv"),
        ("file_path,title\na.flac,One, two\n", "metadata.csv"),
        ("file_path,bpm\na.flac,nan\n", "bpm of a.flac must be a number, got 'nan'"),
        ("file_path;title\na.flac;One\n", "unknown column 'file_path;title'"),
        ("file_path,structure\na.flac,drop at 30 s\n", "structure of a.flac .* must be JSON like"),
        ('file_path,structure\na.flac,"{""name"": ""drop""}"\n', "structure of a.flac .not a list."),
        ('file_path,structure\na.flac,"[{""name"": ""drop"", ""start"": 9, ""end"": 3}]"\n', "does not end after"),
        ('file_path,structure\na.flac,"[{""start"": 1, ""end"": 3}]"\n', "no section with a name"),
        ('file_path,structure\na.flac,"[{""name"": ""drop"", ""start"": null, ""end"": 3}]"\n', "structure of a.flac"),
        ("file_path,tempo\na.flac,1\n", "unknown column 'tempo'"),
        ("title\nx\n", "each row needs a file_path"),
    ],
    ids=[
        "comma in a later row",
        "comma in the first row",
        "no number",
        "semicolons",
        "no JSON",
        "no list",
        "backwards",
        "no name",
        "no start",
        "unknown column",
        "no file_path",
    ],
)
def test_a_slip_in_the_table_is_one_sentence(tmp_path: Path, table: str, message: str) -> None:
    for n, name in enumerate(("a.flac", "b.flac")):
        encode(tmp_path / "music" / name, 220 + n)
    (tmp_path / "music/metadata.csv").write_text(table)
    with pytest.raises(UserError, match=message):
        fetch(tmp_path / "music", tmp_path / "out")
