"""From stems to views: one gain for all, no silence at the ends, and reasons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lowend import params, shards
from lowend.audio.io import flac_bytes, read_flac
from lowend.audio.loudness import integrated_lufs, true_peak_dbtp
from lowend.audio.views import VIEWS, Job, NormalizeConfig, audible, normalize_track, row
from lowend.errors import Unusable, UserError
from lowend.shards import Member
from lowend.tracks import Track

RATE = 44100
SECTION = {
    "sample_rate": 32000, "channels": 1, "lufs": -20.0, "peak_dbtp": -1.0, "limiter": False, "lra": 0.0,
    "vocals": False, "views": ["mix", "drums", "bass", "bass_drums"], "trim_db": -60.0, "min_segment_s": 4.0,
}  # fmt: skip
T = np.arange(RATE) / RATE
HZ = {"drums": 200.0, "bass": 60.0, "other": 700.0, "vocals": 1500.0}


def tone(hz: float, seconds: float = 1.0, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)[None]


def stems(
    folder: Path,
    seconds: float = 12.0,
    level: float = 0.2,
    scale: float = 0.5,
    offset: float = 0.0,
    before: float = 0.0,
    after: float = 0.0,
) -> Path:
    """What separate.py writes: stems times one scale, with so much silence before and after."""
    silence = ((0, 0), (int(before * RATE), int(after * RATE)))
    members = [Member("a", "json", shards.json_bytes({"scale": scale}))]
    for name, hz in HZ.items():
        wav = np.repeat(tone(hz, seconds, scale * level) + np.float32(scale * offset), 2, 0)
        members.append(Member("a", f"{name}.flac", flac_bytes(np.pad(wav, silence), RATE)))
    shards.write(folder, [members])
    return folder


def normalized(folder: Path, **changes: object) -> tuple[dict[str, np.ndarray], dict]:
    """The views, and the note, of the track in `folder`."""
    config = params.build(NormalizeConfig, SECTION | changes, "normalize")
    made = normalize_track(Job("a", folder / "home", folder, config))
    waves = {m.name.removesuffix(".flac"): read_flac(m.data)[0] for m in made if m.name.endswith(".flac")}
    return waves, json.loads(next(m.data for m in made if m.name == "json"))


@pytest.mark.parametrize("vocals", [True, False])
def test_the_mix_is_the_sum_of_the_stems_that_it_keeps(vocals: bool) -> None:
    kept = {name: tone(hz) for name, hz in HZ.items()}
    made = {name: view(kept, RATE, vocals) for name, view in VIEWS.items()}
    found = sum(wave for name, wave in kept.items() if vocals or name != "vocals")
    np.testing.assert_allclose(made["mix"], found, atol=1e-6)
    np.testing.assert_allclose(made["instrumental"], sum(kept.values()) - kept["vocals"], atol=1e-6)
    np.testing.assert_allclose(made["bass_drums"], kept["drums"] + kept["bass"], atol=1e-6)
    heard_db = {n: 20 * np.log10(np.abs(made["low"] @ np.exp(2j * np.pi * hz * T)).item()) for n, hz in HZ.items()}
    assert heard_db["bass"] > heard_db["drums"] + 4 and heard_db["bass"] > heard_db["other"] + 40
    with pytest.raises(UserError, match="asks for drums, and the stems are bass, vocals: set `separate.stems: 4`"):
        VIEWS["bass_drums"]({"vocals": kept["vocals"], "bass": kept["bass"]}, RATE, vocals)


def test_views_share_one_gain_and_the_mix_reaches_its_loudness(tmp_path: Path) -> None:
    found, note = normalized(stems(tmp_path))
    assert set(found) == {"mix", "drums", "bass", "bass_drums"}
    assert integrated_lufs(found["mix"], 32000) == pytest.approx(-20, abs=0.1)
    assert true_peak_dbtp(found["mix"]) <= -1.0 + 1e-3
    np.testing.assert_allclose(found["bass_drums"], found["bass"] + found["drums"], atol=1e-5)
    factor = 10 ** (note["gain"]["gain_db"] / 20)
    assert np.abs(found["drums"]).max() == pytest.approx(0.2 * factor, rel=0.01), "the stems' scale is undone"
    assert {w.shape for w in found.values()} == {(1, 12 * 32000)} and note["duration"] == 12.0
    assert note["views"] == sorted(found) and note["gain"]["reached_lufs"] == pytest.approx(-20, abs=0.1)


def test_the_scale_of_the_stems_does_not_matter(tmp_path: Path) -> None:
    one, two = (normalized(stems(tmp_path / str(s), scale=s))[0] for s in (1.0, 0.25))
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-4)


@pytest.mark.parametrize(("vocals", "heard"), [(True, True), (False, False)])
def test_vocals_are_in_the_mix_only_where_asked_for(tmp_path: Path, vocals: bool, heard: bool) -> None:
    mix = normalized(stems(tmp_path), vocals=vocals, channels=2)[0]["mix"]
    assert mix.shape[0] == 2
    spectrum = np.abs(np.fft.rfft(mix[0]))
    at = round(HZ["vocals"] * mix.shape[1] / 32000)
    assert (spectrum[at] > spectrum.max() / 10) == heard


def test_silence_at_the_ends_is_cut_from_every_view_and_from_the_table(tmp_path: Path) -> None:
    whole = normalized(stems(tmp_path / "a"))[0]
    found, note = normalized(stems(tmp_path / "b", before=2.0, after=3.0))
    assert note["trimmed_s"] == pytest.approx([2.0, 3.0], abs=0.021) and note["duration"] == pytest.approx(12, abs=0.04)
    for name, wav in whole.items():
        lag = wav.shape[1] - found[name].shape[1]
        assert abs(lag) <= 0.04 * 32000
        assert np.abs(found[name]).max() == pytest.approx(np.abs(wav).max(), rel=0.01)
    sections = [{"name": n, "start": s, "end": e} for n, s, e in (("intro", 0, 1.5), ("drop", 1.5, 8), ("drop", 8, 17))]
    told = row(Track("a", "x.wav", structure=json.dumps(sections)), note, -20.0)
    assert [(s["name"], s["start"], s["end"]) for s in told.sections] == [
        ("drop", 0.0, pytest.approx(6, abs=0.021)), ("drop", pytest.approx(6, abs=0.021), note["duration"]),
    ]  # fmt: skip
    assert told.duration == note["duration"] and told.flags == ""


def test_what_is_between_the_ends_is_kept_however_quiet() -> None:
    wav = np.zeros((2, 32000), np.float32)
    wav[0, 8000], wav[1, 24000] = 0.5, 0.01
    assert audible(wav, 32000, -60.0) == slice(8000, 24320)
    assert audible(wav, 32000, -20.0) == slice(8000, 8320), "the last block is below the threshold"
    assert audible(np.zeros((1, 99), np.float32), 32000, -60.0) == slice(0, 0)


def test_a_track_that_peaks_keep_quiet_is_flagged_with_the_difference(tmp_path: Path) -> None:
    _, note = normalized(stems(tmp_path), lufs=-5.0)
    told = row(Track("a", "x.wav"), note, -5.0)
    short = note["gain"]["short_of_target_db"]
    assert short > 1 and told.flags == f"{short:.1f} LU below -5 LUFS"


@pytest.mark.parametrize(
    ("seconds", "level", "reason"), [(3.9, 0.2, "shorter than normalize.min_segment_s = 4 s"), (5.0, 1e-5, "silent")]
)
def test_what_is_set_aside_says_why(tmp_path: Path, seconds: float, level: float, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        normalized(stems(tmp_path, seconds, level))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 3}, "normalize.channels must be 1 or 2, got 3"),
        ({"lufs": 16}, "normalize.lufs must be in -40..-5, got 16"),
        ({"peak_dbtp": 1}, "normalize.peak_dbtp must be 0 or below"),
        ({"min_segment_s": 0.5}, "normalize.min_segment_s must be at least 2"),
        ({"views": ["drums"]}, "normalize.views must hold mix"),
        ({"views": ["mix", "drops"]}, "normalize.views must hold mix, and others of mix, instrumental, drums"),
        ({"trim_db": 0}, "normalize.trim_db must be in -120..-20, got 0"),
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
    found, note = normalized(tmp_path)
    assert note["low_flipped"] == ["bass"]
    assert np.abs(found["bass"]).mean() == pytest.approx(np.abs(found["drums"]).mean(), rel=0.05)
    kept = found["drums"] + found["bass"]
    np.testing.assert_allclose(found["bass_drums"], kept, atol=1e-5)


def test_an_offset_costs_no_headroom(tmp_path: Path) -> None:
    (_, plain), (shifted, note) = (normalized(stems(tmp_path / str(o), offset=o)) for o in (0.0, 0.3))
    assert note["gain"]["gain_db"] == pytest.approx(plain["gain"]["gain_db"], abs=0.01)
    assert abs(shifted["mix"].mean()) < 1e-4
