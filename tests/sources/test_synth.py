"""The synthesiser as a source: true stems beside the tracks, tracks that stay when more are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lowend import shards
from lowend.audio.io import decode, read_flac
from lowend.errors import UserError
from lowend.sources import synth

SETTINGS = {"genre": "dubstep", "tracks": 2, "seconds": 8.0, "palette": 0}


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
