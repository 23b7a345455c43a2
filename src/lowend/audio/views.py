"""The work of the normalize stage on one track: resample, set one gain, cut views and segments."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend import cache, shards
from lowend.audio import mono, structure
from lowend.audio.io import MIN_SECONDS, Unusable, Wave, flac_bytes, read_flac, resample, set_channels
from lowend.audio.loudness import Gain, Target, track_gain
from lowend.shards import Member
from lowend.tracks import Track


@dataclass(frozen=True, slots=True)
class NormalizeConfig:
    """Section `normalize` of params.yaml."""

    sample_rate: int
    channels: int
    lufs: float
    peak_dbtp: float
    limiter: bool
    lra: float
    vocals: bool
    min_segment_s: float

    def __post_init__(self) -> None:
        if self.channels not in (1, 2):
            raise ValueError(f"normalize.channels must be 1 or 2, got {self.channels}")
        if not -40 <= self.lufs <= -5:
            raise ValueError(f"normalize.lufs must be in -40..-5, got {self.lufs}")
        if self.peak_dbtp > 0:
            raise ValueError(f"normalize.peak_dbtp must be 0 or below, got {self.peak_dbtp}")
        if self.lra < 0 or 0 < self.lra < 1:
            raise ValueError(f"normalize.lra must be 0 (leave it) or at least 1 LU, got {self.lra}")
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


@dataclass(frozen=True, slots=True)
class Job:
    """One track to normalize; `stems` is a folder that separate.py wrote."""

    track: Track
    stems: Path
    config: NormalizeConfig
    scratch: Path


def normalize_track(job: Job) -> Normalized | str:
    """Views `<view>.flac`, drops `drops-<n>.flac` and `json` of one track; or why there are none."""
    files = shards.read_track(job.stems, job.track.id)
    home = job.scratch / cache.digest(job.track.structure.encode(), *files.values())
    try:
        members = cache.members(home, job.track.id, lambda: _normalize(job, files))
    except Unusable as error:
        return str(error)
    notes = json.loads(next(m.data for m in members if m.name == "json"))
    heard = json.dumps(notes["sections"]) if notes["sections"] else ""
    track = dataclasses.replace(job.track, duration=notes["duration"], structure=job.track.structure or heard)
    return Normalized(members, track, Gain(**notes["gain"]))


def _normalize(job: Job, files: Mapping[str, bytes]) -> list[Member]:
    config, rate = job.config, job.config.sample_rate
    stems = _read_stems(files, rate)
    flipped = [name for name, wav in stems.items() if config.channels == 1 and mono.cancels_low(wav, rate)]
    for name, wav in stems.items():
        stems[name] = mono.fold(wav, rate, name in flipped) if config.channels == 1 else set_channels(wav, 2)
    views = build_views(stems, config.vocals)
    if views["mix"].shape[1] < config.min_segment_s * rate:
        raise Unusable(f"shorter than normalize.min_segment_s = {config.min_segment_s:g} s")
    target = Target(config.lufs, config.peak_dbtp, config.limiter, config.lra)
    gain, factor = track_gain(views["mix"], views.values(), rate, target)
    if not np.isfinite(gain.measured_lufs):
        raise Unusable("silent: too quiet for a loudness measurement")
    views = {name: wave * factor for name, wave in views.items()}
    sections = job.track.sections or structure.find_drops(views["mix"], rate, config.min_segment_s)
    for n, (start_s, end_s) in enumerate(structure.drops(sections, config.min_segment_s)):
        cut = views["mix"][:, int(start_s * rate) : int(end_s * rate)]
        if cut.shape[1] >= config.min_segment_s * rate:
            views[f"drops-{n}"] = cut
    notes = {
        "duration": round(views["mix"].shape[1] / rate, 3),
        "gain": dataclasses.asdict(gain),
        "low_flipped": sorted(flipped),
        "sections": sections,
        "views": sorted(views),
    }
    members = [Member(job.track.id, f"{name}.flac", flac_bytes(wave, rate)) for name, wave in views.items()]
    return [*members, Member(job.track.id, "json", shards.json_bytes(notes))]


def _read_stems(files: Mapping[str, bytes], rate: int) -> dict[str, Wave]:
    """Stems [C, S] at `rate`, with the scale undone that kept them inside FLAC, and without their offset."""
    scale = np.float32(json.loads(files["json"])["scale"])
    stems = {}
    for name, data in files.items():
        if name.endswith(".flac"):
            wav, own_rate = read_flac(data)
            wav = resample(wav / scale, own_rate, rate)
            stems[name.removesuffix(".flac")] = wav - wav.mean(1, keepdims=True)
    return stems
