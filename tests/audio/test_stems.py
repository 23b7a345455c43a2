"""One track through the separate stage's work, and what the stage says of all of them."""

from __future__ import annotations

import json
from pathlib import Path

import kit
import numpy as np
import pytest
import soundfile as sf

from lowend import params
from lowend.audio import stems
from lowend.audio.io import decode, read_flac, resample
from lowend.errors import UserError
from lowend.tracks import Track

SECTION = {"model": "starter", "shifts": 0, "overlap": 0.1}
CONFIG = params.build(stems.SeparateConfig, SECTION, "separate")


def job(tmp_path: Path, data: np.ndarray | bytes) -> stems.Job:
    (tmp_path / "raw/audio").mkdir(parents=True)
    path = tmp_path / "raw/audio/a.wav"
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        sf.write(path, data.T, 44100)
    return stems.Job(Track("a", "mine.wav"), tmp_path / "raw", kit.KIT / "separator", CONFIG, tmp_path / "scratch")


def test_a_mono_track_at_another_rate_becomes_stems_that_sum_to_it(tmp_path: Path) -> None:
    t = np.arange(3 * 44100) / 44100
    work = job(tmp_path, (0.9 * np.sign(np.sin(2 * np.pi * 60 * t)) * np.exp(-4 * (t % 0.5)))[None])
    made = stems.separate_track(work)
    assert not isinstance(made, str)
    notes = json.loads(next(m.data for m in made if m.name == "json"))
    waves = {m.name.removesuffix(".flac"): read_flac(m.data) for m in made if m.name.endswith(".flac")}
    assert {rate for _, rate in waves.values()} == {notes["sample_rate"]} and {"drums", "bass", "other"} <= set(waves)
    wav, rate = decode(work.raw / "audio/a.wav")
    mix = resample(wav, rate, notes["sample_rate"])
    total = sum(wave for wave, _ in waves.values()) / notes["scale"]
    np.testing.assert_allclose(total.mean(0), mix[0], atol=1e-4)
    (work.raw / "audio/a.wav").unlink()
    assert sorted(stems.separate_track(work), key=str) == sorted(made, key=str), "a second run comes from the cache"


def test_a_broken_track_is_a_reason_and_not_cached(tmp_path: Path) -> None:
    work = job(tmp_path, b"RIFF nonsense")
    assert "unreadable" in stems.separate_track(work)
    assert not list(work.scratch.glob("*"))


def test_means_are_over_tracks_that_have_the_stem() -> None:
    notes = [
        {"si_sdr": {"bass": {"made": 10.0, "mix": 2.0}}},
        {"si_sdr": {}},
        {"si_sdr": {"bass": {"made": 4.0, "mix": -2.0}}},
    ]
    found = stems.summarise([json.dumps(n).encode() for n in notes], 3)
    assert found == {"tracks": 3, "rejected": 3, "bass_si_sdr_db": 7.0, "bass_si_sdr_gain_db": 7.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"shifts": -1}, "separate.shifts must be 0 or more"), ({"overlap": 1.0}, r"must be in 0\.\.1")],
)
def test_settings_out_of_range_are_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        params.build(stems.SeparateConfig, SECTION | change, "separate")
