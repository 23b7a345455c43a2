from __future__ import annotations

import json
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile as sf

from lowend.audio.io import decode
from lowend.errors import UserError
from lowend.sources import Fetched, fetcher, folder, synth

RATE = 32000


def write(path: Path, hz: float, **tags: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, 0.4 * np.sin(2 * np.pi * hz * np.arange(3 * RATE) / RATE), RATE)
    if tags:
        file = mutagen.File(path, easy=True)
        for name, value in tags.items():
            file[name] = value
        file.save()


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    where = tmp_path / "music"
    write(where / "one.flac", 100, title="Tagged", artist="Ann", license="CC BY 4.0", bpm="140")
    write(where / "sub folder" / "日本 – ü.ogg", 200)
    write(where / "three.wav", 300)
    write(where / "leave.wav", 400)
    (where / "copy.wav").write_bytes((where / "three.wav").read_bytes())
    (where / "broken.mp3").write_bytes(b"\xff\xfb" + b"nonsense" * 400)
    sf.write(where / "silent.wav", np.zeros(3 * RATE), RATE)
    sf.write(where / "nan.wav", np.full(3 * RATE, np.nan), RATE, subtype="FLOAT")
    (where / "notes.txt").write_text("not audio, not a track")
    (where / "exclude.csv").write_text("file_path,reason\nleave.wav,sounds bad\n")
    (where / "metadata.csv").write_text(
        "file_path,artist,sub_genre,bpm,key,licence,caption\n"
        "three.wav,Ben,riddim,143,Gm,CC0,my words\nnowhere.wav,,,,,,\none.flac,Cat,,,,,\n"
    )
    return where


def fetch(where: Path, out: Path) -> Fetched:
    return folder.fetch({"genre": "dubstep"}, where, out, 0)


def test_a_folder_gives_tracks_and_reasons(tracks: Path, tmp_path: Path) -> None:
    found = fetch(tracks, tmp_path / "out")
    rows = {t.file_path: t for t in found.tracks}
    assert set(rows) == {"copy.wav", "one.flac", "sub folder/日本 – ü.ogg"} | (set(rows) & {"three.wav"})
    reasons = {r.file_path: r.reason for r in found.rejected}
    assert reasons["leave.wav"] == "exclude.csv: sounds bad"
    assert reasons["nowhere.wav"] == "metadata.csv: no such audio file"
    assert "same file as copy.wav" in reasons["three.wav"]
    assert "unreadable" in reasons["broken.mp3"] or "no audio" in reasons["broken.mp3"]
    assert "silent" in reasons["silent.wav"] and "NaN" in reasons["nan.wav"]
    assert {p.stem for p in (tmp_path / "out/audio").iterdir()} == {t.id for t in found.tracks}


def test_metadata_wins_over_tags_and_tags_over_nothing(tracks: Path, tmp_path: Path) -> None:
    (tracks / "copy.wav").unlink()
    rows = {t.file_path: t for t in fetch(tracks, tmp_path / "out").tracks}
    one, three, plain = rows["one.flac"], rows["three.wav"], rows["sub folder/日本 – ü.ogg"]
    assert (one.title, one.artist, one.licence, one.tier, one.bpm) == ("Tagged", "Cat", "CC-BY-4.0", 1, 140)
    assert (three.artist, three.sub_genre, three.bpm, three.caption) == ("Ben", "riddim", 143, "my words")
    assert (three.licence, three.tier) == ("CC0-1.0", 1)
    assert (plain.title, plain.licence, plain.tier, plain.genre) == ("日本 – ü", "", 3, "dubstep")


def test_ids_come_from_content(tracks: Path, tmp_path: Path) -> None:
    before = {t.id for t in fetch(tracks, tmp_path / "a").tracks}
    (tracks / "one.flac").rename(tracks / "renamed.flac")
    assert {t.id for t in fetch(tracks, tmp_path / "b").tracks} == before


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file_path,tempo\na.wav,1\n", "unknown column 'tempo'"),
        ("title\nx\n", "each row needs a file_path"),
        ("file_path,bpm\nthree.wav,fast\n", "bpm of three.wav must be a number, got 'fast'"),
    ],
)
def test_a_wrong_table_is_one_sentence(tracks: Path, tmp_path: Path, table: str, message: str) -> None:
    (tracks / "metadata.csv").write_text(table)
    (tracks / "copy.wav").unlink()
    with pytest.raises(UserError, match=message):
        fetch(tracks, tmp_path / "out")


def test_unknown_kinds_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        fetch(tmp_path / "none", tmp_path / "out")
    with pytest.raises(UserError, match="must be one of synth, folder, got 'radio'"):
        fetcher("radio")


@pytest.mark.parametrize("name", synth.STYLES)
def test_a_song_is_what_its_table_says(name: str) -> None:
    song = synth.song(1, name, 3, 10.0)
    assert np.abs(song.mix).max() <= 0.9 and np.isfinite(song.mix).all()
    assert song.mix.shape[1] / synth.SAMPLE_RATE == song.info["duration"]
    sections = json.loads(str(song.info["structure"]))
    assert sections[-1]["end"] == pytest.approx(float(song.info["duration"]), abs=0.01)
    assert song.info["genre"] == synth.STYLES[name].genre
    for other in (synth.song(1, name, 3, 10.0), synth.song(2, name, 3, 10.0)):
        same = np.array_equal(other.mix, song.mix)
        assert same == (
            other is not None
            and other.info["title"] == song.info["title"]
            and np.array_equal(other.stems["drums"], song.stems["drums"])
            and np.array_equal(other.stems["other"], song.stems["other"])
        )
    assert np.array_equal(synth.song(1, name, 3, 10.0).mix, song.mix)
    assert not np.array_equal(synth.song(2, name, 3, 10.0).mix[:, :9000], song.mix[:, :9000]) or name == "ambient"


def test_the_drop_has_the_bass_and_the_build_up_has_not() -> None:
    song = synth.song(5, "brostep", 0, 20.0)
    level = {}
    for name, start, end in song.sections:
        part = song.stems["bass"][:, int(start * synth.SAMPLE_RATE) : int(end * synth.SAMPLE_RATE)]
        level[name] = float((part**2).mean())
    assert level["drop"] > 1e-3 and level["buildup"] == 0


def test_energy_is_not_all_bass() -> None:
    for name in ("boom bap", "trap", "dubstep", "riddim"):
        mix = synth.song(6, name, 0, 10.0).mix.mean(0)
        power, hz = np.abs(np.fft.rfft(mix)) ** 2, np.fft.rfftfreq(len(mix), 1 / synth.SAMPLE_RATE)
        assert 0.15 < power[hz > 200].sum() / power.sum() < 0.9


def test_the_synth_source_writes_tracks_with_true_stems(tmp_path: Path) -> None:
    settings = {"genre": "hiphop", "tracks": 2, "seconds": 8.0, "palette": 1}
    found = synth.fetch(settings, tmp_path, tmp_path / "out", 0)
    assert [t.sub_genre for t in sorted(found.tracks, key=lambda t: t.file_path)] == ["boom bap", "trap"]
    for track in found.tracks:
        wav, rate = decode(tmp_path / "out/audio" / f"{track.id}.flac")
        assert rate == 32000 and wav.shape[1] / rate == pytest.approx(track.duration or 0)
        assert track.licence == "CC0-1.0" and track.tier == 1
    with pytest.raises(UserError, match="synth has no genre 'polka'"):
        synth.fetch(settings | {"genre": "polka"}, tmp_path, tmp_path / "x", 0)
