"""The synthesiser as a source: stems that sum, tempi on the codec's grid, tracks that stay when more are asked for."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import shards
from lowend.audio.analysis import key_name
from lowend.audio.io import decode, read_flac
from lowend.errors import UserError
from lowend.sources import synth

SETTINGS = {"genre": "dubstep", "tracks": 2, "seconds": 8.0, "palette": 0}


@pytest.mark.parametrize("name", synth.STYLES)
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 50), index=st.integers(0, 50))
def test_what_a_song_says_of_itself_is_true(name: str, seed: int, index: int) -> None:
    song = synth.song(seed, name, index, 8.0)
    assert set(song.stems) == set(synth.STEMS) and {s.shape for s in song.stems.values()} == {song.mix.shape}
    assert max(np.abs(w).max() for w in (song.mix, *song.stems.values())) <= 0.9
    assert np.isfinite(song.mix).all() and song.info["genre"] == synth.STYLES[name].genre
    assert song.mix.shape[1] / synth.SAMPLE_RATE == song.info["duration"]
    frames = 60 * synth.FRAME_RATE / float(song.info["bpm"])
    assert 2 * frames == pytest.approx(round(2 * frames), abs=0.01), "a beat is a whole or half number of frames"
    assert key_name(str(song.info["key"])) == song.info["key"]
    sections = json.loads(str(song.info["structure"]))
    assert [(s["name"], s["start"], s["end"]) for s in sections] == list(song.sections)
    assert sections[0]["start"] == 0 and all(a["end"] == b["start"] for a, b in itertools.pairwise(sections))
    assert sections[-1]["end"] == pytest.approx(song.info["duration"], abs=0.01)


@pytest.mark.parametrize("name", synth.STYLES)
def test_a_seed_makes_one_song_and_the_next_another(name: str) -> None:
    first, again, other = (synth.song(seed, name, 3, 8.0).mix for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first[:, :9000], other[:, :9000])


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


def test_a_palette_shares_voices_and_keys_not_arrangements() -> None:
    shared, free = ([synth.song(0, "trap", n, 8.0, palette) for n in range(7)] for palette in (1, 0))
    roots = [len({str(song.info["key"]).split()[0] for song in songs}) for songs in (shared, free)]
    assert roots[0] <= 3 < roots[1]
    assert len({song.mix.tobytes() for song in shared}) == 7


def test_more_tracks_keep_those_that_were_there_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    few = synth.fetch(SETTINGS, tmp_path, tmp_path / "few", 0)
    more = synth.fetch(SETTINGS | {"tracks": 4}, tmp_path, tmp_path / "more", 0)
    rows = {t.id: t for t in more.tracks}
    assert len(rows) == 4 and all(rows[t.id] == t for t in few.tracks)
    for track in few.tracks:
        files = [tmp_path / n / "audio" / f"{track.id}.flac" for n in ("few", "more")]
        assert files[0].read_bytes() == files[1].read_bytes()
        stems = {n: read_flac(d)[0] for n, d in shards.read_track(tmp_path / "few/truth", track.id).items()}
        np.testing.assert_allclose(sum(stems.values()), read_flac(files[0].read_bytes())[0], atol=1e-5)
        wav, rate = decode(files[0])
        assert rate == 32000 and wav.shape[1] / rate == pytest.approx(track.duration)
        assert (track.licence, track.tier) == ("CC0-1.0", 1)
    assert sorted(t.sub_genre for t in more.tracks) == ["brostep", "dubstep", "dubstep", "riddim"], "each in turn"
    other = synth.fetch(SETTINGS, tmp_path, tmp_path / "other", 1)
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
