"""From stems to views: one gain for all, drops cut where the sections say, and reasons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lowend import params, shards
from lowend.audio import views
from lowend.audio.io import flac_bytes, read_flac
from lowend.audio.loudness import integrated_lufs, true_peak_dbtp
from lowend.audio.views import Job, NormalizeConfig, Normalized, build_views, normalize_track
from lowend.errors import UserError
from lowend.shards import Member
from lowend.tracks import Track

RATE = 44100
SECTION = {
    "sample_rate": 32000, "channels": 1, "lufs": -20.0, "peak_dbtp": -1.0, "limiter": False, "lra": 0.0,
    "vocals": False, "min_segment_s": 4.0,
}  # fmt: skip
CONFIG = params.build(NormalizeConfig, SECTION, "normalize")
HZ = {"drums": 200.0, "bass": 60.0, "other": 700.0, "vocals": 1500.0}


def tone(hz: float, seconds: float = 1.0, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)[None]


def stems(folder: Path, seconds: float = 12.0, level: float = 0.2, scale: float = 0.5, offset: float = 0.0) -> Path:
    """What separate.py writes: stems times one scale."""
    members = [Member("a", "json", shards.json_bytes({"scale": scale}))]
    for name, hz in HZ.items():
        wav = np.repeat(tone(hz, seconds, scale * level) + np.float32(scale * offset), 2, 0)
        members.append(Member("a", f"{name}.flac", flac_bytes(wav, RATE)))
    shards.write(folder, [members])
    return folder


def normalized(folder: Path, track: Track = Track("a", "x.wav"), config: NormalizeConfig = CONFIG) -> Normalized:  # noqa: B008
    made = normalize_track(Job(track, folder, config, folder / "scratch"))
    assert isinstance(made, Normalized), made
    return made


def waves(made: Normalized) -> dict[str, np.ndarray]:
    return {m.name.removesuffix(".flac"): read_flac(m.data)[0] for m in made.members if m.name.endswith(".flac")}


@pytest.mark.parametrize("vocals", [True, False])
def test_the_mix_is_the_sum_of_the_stems_that_it_keeps(vocals: bool) -> None:
    kept = {name: tone(hz) for name, hz in HZ.items()}
    made = build_views(kept, vocals)
    found = sum(wave for name, wave in kept.items() if vocals or name != "vocals")
    np.testing.assert_allclose(made["mix"], found, atol=1e-6)
    np.testing.assert_allclose(made["bass_drums"], kept["drums"] + kept["bass"], atol=1e-6)


def test_views_share_one_gain_and_the_mix_reaches_its_loudness(tmp_path: Path) -> None:
    made = normalized(stems(tmp_path))
    found = waves(made)
    assert set(found) == {"mix", "drums", "bass", "bass_drums"}
    assert integrated_lufs(found["mix"], 32000) == pytest.approx(-20, abs=0.1)
    assert true_peak_dbtp(found["mix"]) <= -1.0 + 1e-3
    np.testing.assert_allclose(found["bass_drums"], found["bass"] + found["drums"], atol=1e-5)
    factor = 10 ** (made.gain.gain_db / 20)
    assert np.abs(found["drums"]).max() == pytest.approx(0.2 * factor, rel=0.01), "the stems' scale is undone"
    assert {w.shape for w in found.values()} == {(1, 12 * 32000)} and made.track.duration == 12.0
    notes = json.loads(next(m.data for m in made.members if m.name == "json"))
    assert notes["gain"]["gain_db"] == made.gain.gain_db and notes["views"] == sorted(found)


def test_the_scale_of_the_stems_does_not_matter(tmp_path: Path) -> None:
    one, two = (waves(normalized(stems(tmp_path / str(s), scale=s))) for s in (1.0, 0.25))
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-4)


@pytest.mark.parametrize(("vocals", "heard"), [(True, True), (False, False)])
def test_vocals_are_in_the_mix_only_where_asked_for(tmp_path: Path, vocals: bool, heard: bool) -> None:
    config = params.build(NormalizeConfig, SECTION | {"vocals": vocals, "channels": 2}, "normalize")
    mix = waves(normalized(stems(tmp_path), config=config))["mix"]
    assert mix.shape[0] == 2
    spectrum = np.abs(np.fft.rfft(mix[0]))
    at = round(HZ["vocals"] * mix.shape[1] / 32000)
    assert (spectrum[at] > spectrum.max() / 10) == heard


def test_known_drops_are_cut_from_the_mix(tmp_path: Path) -> None:
    sections = [("intro", 0, 2), ("drop", 2, 7), ("drop", 7, 10), ("drop", 9, 60)]
    text = json.dumps([{"name": n, "start": a, "end": b} for n, a, b in sections])
    made = normalized(stems(tmp_path), Track("a", "x.wav", structure=text))
    found = waves(made)
    assert {n for n in found if n.startswith("drops")} == {"drops-0"}, "3 s and what is left of the last are too short"
    np.testing.assert_array_equal(found["drops-0"], found["mix"][:, 2 * 32000 : 7 * 32000])
    assert made.track.structure == text


@pytest.mark.parametrize(
    ("seconds", "level", "reason"), [(3.9, 0.2, "shorter than normalize.min_segment_s = 4 s"), (5.0, 1e-5, "silent")]
)
def test_what_is_set_aside_says_why(tmp_path: Path, seconds: float, level: float, reason: str) -> None:
    made = normalize_track(Job(Track("a", "x.wav"), stems(tmp_path, seconds, level), CONFIG, tmp_path / "scratch"))
    assert isinstance(made, str) and reason in made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 3}, "normalize.channels must be 1 or 2, got 3"),
        ({"lufs": 16}, "normalize.lufs must be in -40..-5, got 16"),
        ({"peak_dbtp": 1}, "normalize.peak_dbtp must be 0 or below"),
        ({"min_segment_s": 0.5}, "normalize.min_segment_s must be at least 2"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        params.build(NormalizeConfig, SECTION | change, "normalize")


def test_bass_that_is_out_of_phase_is_still_there_in_mono(tmp_path: Path) -> None:
    t = np.arange(12 * RATE) / RATE
    members = [Member("a", "json", shards.json_bytes({"scale": 1.0}))]
    for name, hz in HZ.items():
        wave = 0.2 * np.sin(2 * np.pi * hz * t).astype(np.float32)
        right = -wave if name == "bass" else wave
        members.append(Member("a", f"{name}.flac", flac_bytes(np.stack([wave, right]), RATE)))
    shards.write(tmp_path, [members])
    found = waves(normalized(tmp_path))
    assert np.abs(found["bass"]).mean() == pytest.approx(np.abs(found["drums"]).mean(), rel=0.05)
    kept = found["drums"] + found["bass"]
    np.testing.assert_allclose(found["bass_drums"], kept, atol=1e-5)


def test_an_offset_costs_no_headroom(tmp_path: Path) -> None:
    plain, shifted = (normalized(stems(tmp_path / str(offset), offset=offset)) for offset in (0.0, 0.3))
    assert shifted.gain.gain_db == pytest.approx(plain.gain.gain_db, abs=0.01)
    assert abs(waves(shifted)["mix"].mean()) < 1e-4


def test_a_track_is_normalized_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = normalized(stems(tmp_path))
    monkeypatch.setattr(views, "track_gain", lambda *_: pytest.fail("measured again"))
    again = normalized(tmp_path)
    assert (again.members, again.track, again.gain) == (
        sorted(first.members, key=lambda m: m.name),
        first.track,
        first.gain,
    )
    told = Track("a", "x.wav", structure='[{"name": "drop", "start": 1.0, "end": 7.0}]')
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        normalized(tmp_path, told)
