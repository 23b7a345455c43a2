"""The work of the normalize stage on one track: resample, set one gain, cut views and segments."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend import shards
from lowend.audio import structure
from lowend.audio.io import MIN_SECONDS, Wave, flac_bytes, read_flac, resample, set_channels
from lowend.audio.loudness import Gain, track_gain
from lowend.shards import Member
from lowend.tracks import Track


@dataclass(frozen=True, slots=True)
class NormalizeConfig:
    """Section `normalize` of params.yaml."""

    sample_rate: int
    channels: int
    lufs: float
    peak_dbtp: float
    vocals: bool
    min_segment_s: float

    def __post_init__(self) -> None:
        if self.channels not in (1, 2):
            raise ValueError(f"normalize.channels must be 1 or 2, got {self.channels}")
        if not -40 <= self.lufs <= -5:
            raise ValueError(f"normalize.lufs must be in -40..-5, got {self.lufs}")
        if self.peak_dbtp > 0:
            raise ValueError(f"normalize.peak_dbtp must be 0 or below, got {self.peak_dbtp}")
        if self.min_segment_s < MIN_SECONDS:
            raise ValueError(f"normalize.min_segment_s must be at least {MIN_SECONDS}, got {self.min_segment_s}")


@dataclass(frozen=True, slots=True)
class Normalized:
    """A track's members, its row with structure and duration filled in, and its gain."""

    members: list[Member]
    track: Track
    gain: Gain


def build_views(stems: dict[str, Wave], vocals: bool) -> dict[str, Wave]:
    """mix, drums, bass and bass_drums [C, S] from stems; `vocals` says whether the mix keeps them."""
    kept = {name: wave for name, wave in stems.items() if vocals or name != "vocals"}
    return {
        "mix": np.asarray(sum(kept.values()), np.float32),
        "drums": stems["drums"],
        "bass": stems["bass"],
        "bass_drums": stems["bass"] + stems["drums"],
    }


def normalize_track(job: tuple[Track, Path, NormalizeConfig]) -> Normalized | str:
    """Views `<view>.flac`, drops `drops-<n>.flac` and `json` of one track; or why there are none."""
    track, folder, config = job
    files = shards.read_track(folder, track.id)
    scale = float(json.loads(files["json"])["scale"])
    stems = {}
    for name, data in files.items():
        if name.endswith(".flac"):
            wav, rate = read_flac(data)
            wav = set_channels(resample(wav / np.float32(scale), rate, config.sample_rate), config.channels)
            stems[name.removesuffix(".flac")] = wav
    views = build_views(stems, config.vocals)
    if views["mix"].shape[1] < config.min_segment_s * config.sample_rate:
        return f"shorter than normalize.min_segment_s = {config.min_segment_s:g} s"
    gain = track_gain(views["mix"], views, config.sample_rate, config.lufs, config.peak_dbtp)
    if not np.isfinite(gain.measured_lufs):
        return "silent: too quiet for a loudness measurement"
    factor = np.float32(10 ** (gain.gain_db / 20))
    views = {name: wave * factor for name, wave in views.items()}
    sections = track.sections or structure.find_drops(views["mix"], config.sample_rate, config.min_segment_s)
    for n, (start_s, end_s) in enumerate(structure.drops(sections, config.min_segment_s)):
        span = slice(int(start_s * config.sample_rate), int(end_s * config.sample_rate))
        if views["mix"][:, span].shape[1] >= config.min_segment_s * config.sample_rate:
            views[f"drops-{n}"] = views["mix"][:, span]
    seconds = views["mix"].shape[1] / config.sample_rate
    track = dataclasses.replace(track, duration=round(seconds, 3), structure=json.dumps(sections) if sections else "")
    notes = {**dataclasses.asdict(gain), "scale": scale, "sections": sections, "views": sorted(views)}
    members = [Member(track.id, f"{name}.flac", flac_bytes(wave, config.sample_rate)) for name, wave in views.items()]
    return Normalized([*members, Member(track.id, "json", shards.json_bytes(notes))], track, gain)
