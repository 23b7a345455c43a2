"""Tracks through the separate stage's work, and what the stage says of all of them."""

from __future__ import annotations

import json
from pathlib import Path

import kit
import numpy as np
import pytest
import soundfile as sf
import torch

from lowend import cache, params, shards
from lowend.audio import separation, stems
from lowend.audio.io import Wave, decode, flac_bytes, read_flac
from lowend.errors import Unusable, UserError
from lowend.tracks import Track

SECTION = {"model": "starter", "stems": 4, "shifts": 0, "overlap": 0.1, "vocals_gate_db": -30.0}
RATE = 8000


def job(
    tmp_path: Path, name: str, data: np.ndarray | bytes, folder: Path = kit.KIT / "separator", **change
) -> stems.Job:
    """A job on samples [C, S] at 44.1 kHz, or on a file of these bytes."""
    path = tmp_path / f"raw/audio/{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        sf.write(path, data.T, 44100)
    config = params.build(stems.SeparateConfig, SECTION | change, "separate")
    return stems.Job(Track(name, f"{name}.wav"), tmp_path / "raw", folder, config, tmp_path / "scratch")


def waves(members: list[shards.Member]) -> dict[str, Wave]:
    """The stems, with the scale undone that kept them inside FLAC."""
    found = {m.name.removesuffix(".flac"): read_flac(m.data)[0] for m in members if m.name != "json"}
    return {stem: wave / np.float32(note(members)["scale"]) for stem, wave in found.items()}


def note(members: list[shards.Member]) -> dict:
    return json.loads(next(m.data for m in members if m.name == "json"))


def drum(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * 44100)) / 44100
    return 0.9 * np.sign(np.sin(2 * np.pi * 60 * t)) * np.exp(-4 * (t % 0.5))


class Sides(torch.nn.Module):
    """Takes what differs between the channels for vocals, with some bleed of the rest, and half the rest for drums."""

    sources, samplerate, audio_channels, segment = ("drums", "bass", "other", "vocals"), RATE, 2, 2.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        middle = x.mean(1, keepdim=True).expand_as(x)
        return torch.stack([0.5 * middle, 0 * x, 0.5 * middle, x - middle + 0.02 * middle], 1)


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kit whose model is `Sides`."""
    monkeypatch.setattr(separation, "_load_safetensors", lambda path: Sides())
    return tmp_path / "kit"


def test_a_mono_track_at_another_rate_becomes_stems_that_sum_to_it(tmp_path: Path) -> None:
    work = job(tmp_path, "a", drum(3)[None])
    (made,) = stems.separate_tracks([work])
    found, rate = waves(made), note(made)["sample_rate"]
    assert set(found) == {"drums", "bass", "other"} and note(made)["vocals_gated_share"] is None
    np.testing.assert_allclose(sum(found.values()).mean(0), decode(work.raw / "audio/a.wav", rate)[0][0], atol=1e-6)


def test_a_broken_track_is_a_reason_and_holds_up_no_other(tmp_path: Path) -> None:
    jobs = [job(tmp_path, name, data) for name, data in (("a", drum(2.5)[None]), ("b", b"RIFF"), ("c", drum(3)[None]))]
    first, broken, last = stems.separate_tracks(jobs)
    assert isinstance(broken, Unusable) and "unreadable" in str(broken)
    assert waves(first)["bass"].shape[1] == 2.5 * 32000 and waves(last)["bass"].shape[1] == 3 * 32000
    assert {m.id for m in first} == {"a"} and {m.id for m in last} == {"c"}


def test_what_the_cache_holds_is_not_made_again(tmp_path: Path) -> None:
    work = job(tmp_path, "a", drum(2.5)[None])
    (kept,) = cache.compute_groups(stems.separate_tracks, [work], "separating", 1)
    before = kept.home.read_bytes()
    (work.raw / "audio/a.wav").unlink()
    (again,) = cache.compute_groups(stems.separate_tracks, [work], "separating", 1)
    assert again.home.read_bytes() == before and again.note["digest"]


@pytest.mark.parametrize(("count", "rest"), [(4, "other"), (2, "no_vocals")])
def test_removing_the_vocals_of_a_track_that_has_none_returns_it(
    tmp_path: Path, sides: Path, count: int, rest: str
) -> None:
    mix = np.stack([drum(6)] * 2)
    (made,) = stems.separate_tracks([job(tmp_path, "a", mix, sides, stems=count)])
    found = waves(made)
    assert set(found) == ({"drums", "bass", "other", "vocals"} if count == 4 else {"vocals", "no_vocals"})
    assert not found.pop("vocals").any() and note(made)["vocals_gated_share"] == 1
    heard = decode(tmp_path / "raw/audio/a.wav", RATE)[0]
    np.testing.assert_allclose(sum(found.values()), heard, atol=1e-6)
    (open_gate,) = stems.separate_tracks([job(tmp_path, "a", mix, sides, stems=count, vocals_gate_db=-60.0)])
    assert np.abs(sum(w for s, w in waves(open_gate).items() if s != "vocals") - heard).max() > 1e-2, "it does bleed"


def test_true_vocals_stay_apart_and_the_bleed_around_them_goes_back(tmp_path: Path, sides: Path) -> None:
    t = np.arange(12 * 44100) / 44100
    sung = 0.2 * np.sin(2 * np.pi * 440 * t) * ((t >= 4) & (t < 8))
    mix = 0.5 * drum(12) + np.array([[1.0], [-1.0]]) * sung
    (made,) = stems.separate_tracks([job(tmp_path, "a", mix, sides)])
    found = waves(made)
    truth = mix - mix.mean(0)
    sf.write(tmp_path / "truth.wav", truth.T, 44100)
    true = decode(tmp_path / "truth.wav", RATE)[0]
    sings = slice(4 * RATE, 8 * RATE)
    assert separation.si_sdr_db(found["vocals"][:, sings], true[:, sings]) > 20
    assert not found["vocals"][:, : 3 * RATE].any() and not found["vocals"][:, 9 * RATE :].any()
    assert 0.5 < note(made)["vocals_gated_share"] < 0.67
    np.testing.assert_allclose(sum(found.values()), decode(tmp_path / "raw/audio/a.wav", RATE)[0], atol=1e-6)


def test_true_stems_that_the_model_lacks_are_no_matter(tmp_path: Path) -> None:
    work = job(tmp_path, "a", np.stack([drum(3)] * 2))
    truth = [shards.Member("a", f"{stem}.flac", flac_bytes(np.float32([drum(3)]), 44100)) for stem in ("drums", "harp")]
    shards.write(work.raw / "truth", [truth])
    (made,) = stems.separate_tracks([work])
    scores = note(made)["si_sdr"]
    assert set(scores) == {"drums"} and scores["drums"]["mix"] > 60


def test_tracks_share_passes_on_a_gpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = [Track("a", "a", duration=10.0), Track("b", "b", duration=30.0)]
    assert stems.tracks_at_once(tracks) == 1
    monkeypatch.setattr(separation, "ON_GPU", True)
    assert stems.tracks_at_once(tracks) == 10
    assert stems.tracks_at_once([*tracks, Track("c", "c", duration=900.0)]) == 1


def test_means_are_over_tracks_that_have_the_stem() -> None:
    notes = [
        {"si_sdr": {"bass": {"made": 10.0, "mix": 2.0}}, "vocals_gated_share": None},
        {"si_sdr": {}, "vocals_gated_share": 0.5},
        {"si_sdr": {"bass": {"made": 4.0, "mix": -2.0}}, "vocals_gated_share": 1.0},
    ]
    means = {"bass_si_sdr_db": 7.0, "bass_si_sdr_gain_db": 7.0, "vocals_gated_share": 0.75}
    assert stems.summarise(notes, 3) == {"tracks": 3, "rejected": 3, **means}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stems": 3}, "separate.stems must be 2 or 4"),
        ({"shifts": -1}, "separate.shifts must be 0 or more"),
        ({"overlap": 1.0}, r"must be in 0\.\.1"),
        ({"vocals_gate_db": 3.0}, r"separate.vocals_gate_db must be in -200\.\.0"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        params.build(stems.SeparateConfig, SECTION | change, "separate")
