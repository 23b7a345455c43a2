"""The synthesiser as a source: true stems, tracks that stay when more are asked for, and a user's one-shots."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from lowend import shards
from lowend.audio.io import decode, read_flac
from lowend.errors import UserError
from lowend.sources import Fetched, synth
from lowend.tracks import Rejected

SETTINGS = {"genre": "dubstep", "tracks": 2, "seconds": 8.0, "palette": 0}


def test_more_tracks_keep_those_that_were_there_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    few = synth.fetch(SETTINGS, tmp_path / "none", tmp_path / "few", 0)
    more = synth.fetch(SETTINGS | {"tracks": 4}, tmp_path / "none", tmp_path / "more", 0)
    rows = {t.id: t for t in more.tracks}
    assert len(rows) == 4 and all(rows[t.id] == t for t in few.tracks)
    for track in few.tracks:
        files = [tmp_path / n / "audio" / f"{track.id}.flac" for n in ("few", "more")]
        assert files[0].read_bytes() == files[1].read_bytes()
        stems = {n: read_flac(d)[0] for n, d in shards.read_track(tmp_path / "few/truth", track.id).items()}
        np.testing.assert_allclose(sum(stems.values()), read_flac(files[0].read_bytes())[0], atol=1e-5)
        wav, rate = decode(files[0])
        assert rate == 32000 and wav.shape[1] / rate == pytest.approx(track.duration)
        assert (track.licence, track.tier, track.attribution) == ("CC0-1.0", 1, "lowend synth")
    assert sorted(t.sub_genre for t in more.tracks) == ["brostep", "dubstep", "dubstep", "riddim"], "each in turn"
    other = synth.fetch(SETTINGS, tmp_path / "none", tmp_path / "other", 1)
    assert not {t.id for t in other.tracks} & set(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"genre": "polka"}, "synth has no genre 'polka'; it has dubstep, hiphop, other"),
        ({"tracks": 0}, r"tracks must be 1\.\.100000 and seconds 8\.\.600, got 0 and 8"),
        ({"seconds": 7.9}, r"seconds 8\.\.600, got 2 and 7\.9"),
        ({"seconds": float("nan")}, "got 2 and nan"),
    ],
)
def test_settings_out_of_range_are_refused_before_any_work(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        synth.fetch(SETTINGS | change, tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def kits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source's folder as its user fills it: samples, and what is none."""
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    folder = tmp_path / "my-kits"
    (folder / "snares").mkdir(parents=True)
    (folder / "README.md").write_text("# mine")
    times = np.arange(9600) / 48_000
    for i, name in enumerate(["bd_a.wav", "bd_b.flac", "snares/1.ogg", "loop_amen.flac", "voice.wav"]):
        sf.write(folder / name, 0.5 * np.sin(2 * np.pi * 200 * (i + 1) * times) * np.exp(-times / 0.05), 48_000)
    return folder


def fetched(folder: Path, out: Path, tracks: int) -> Fetched:
    return synth.fetch(SETTINGS | {"tracks": tracks, "palette": 1}, folder, out, 0)


def test_samples_play_are_credited_and_keep_the_tracks_that_were_there(
    kits: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    few, more = (fetched(kits, tmp_path / str(n), n) for n in (2, 4))
    assert [r.getMessage() for r in caplog.records] == [
        f"{kits}: one-shots kick 2, snare 1; 2 files left out, whose names tell no drum or tell of a loop"
    ] * 2
    rows = {t.id: t for t in more.tracks}
    assert len(rows) == 4 and all(rows[t.id] == t for t in few.tracks) and not more.rejected
    assert {(t.attribution, t.licence, t.tier) for t in more.tracks} == {
        ("lowend synth, one-shots from my-kits", "CC0-1.0", 1)
    }
    bare = fetched(tmp_path / "none", tmp_path / "bare", 2)
    assert not {t.id for t in bare.tracks} & set(rows), "another sound"
    assert {t.title: t.bpm for t in bare.tracks} == {t.title: t.bpm for t in few.tracks}, "the same songs"


def test_damaged_and_excluded_samples_are_set_aside_and_never_play(kits: Path, tmp_path: Path) -> None:
    whole = fetched(kits, tmp_path / "whole", 1)
    (kits / "bd_c.wav").write_bytes(b"RIFF" + bytes(60))
    sf.write(kits / "clap.wav", np.zeros(4800), 48_000)
    sf.write(kits / "clap_2.wav", np.sin(np.arange(4800)), 48_000)
    (kits / "exclude.csv").write_text("file_path,reason\nclap_2.wav,not CC0\n")
    again = fetched(kits, tmp_path / "again", 1)
    assert again.tracks == whole.tracks
    assert [r.file_path for r in again.rejected] == ["bd_c.wav", "clap.wav", "clap_2.wav"]
    assert again.rejected[0].reason.startswith("unreadable") and "peak at 0" in again.rejected[1].reason
    assert again.rejected[2] == Rejected("clap_2.wav", "download", "exclude.csv: not CC0")


def test_samples_that_no_song_plays_are_not_credited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    kits = tmp_path / "my-kits"
    kits.mkdir()
    sf.write(kits / "kick.wav", np.sin(np.arange(4800) / 10) * np.exp(-np.arange(4800) / 900), 48_000)
    settings = {"genre": "other", "tracks": 2, "seconds": 8.0, "palette": 0}
    found = synth.fetch(settings, kits, tmp_path / "out", 0)
    assert {t.sub_genre: t.attribution for t in found.tracks} == {
        "ambient": "lowend synth",
        "house": "lowend synth, one-shots from my-kits",
    }
