"""The work of the normalize stage on one track: resample, trim silence, set one gain, make views."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend import shards
from lowend.audio import mono
from lowend.audio.io import MIN_SECONDS, Wave, flac_bytes, read_flac, resample, set_channels
from lowend.audio.loudness import Target, track_gain
from lowend.audio.lowband import bass_band
from lowend.errors import Unusable, UserError
from lowend.shards import Member
from lowend.tracks import Track, clip_sections

_BLOCK_S = 0.01  # trimming looks at blocks of this length
FLAG_LU = 0.5  # a track that stays further below the target is flagged and counted

Stems = Mapping[str, Wave]


def _stem(name: str) -> Callable[[Stems, int, bool], Wave]:
    def view(stems: Stems, rate: int, vocals: bool) -> Wave:
        if name not in stems:
            raise UserError(
                f"params.yaml: normalize.views asks for {name}, and the stems are {', '.join(sorted(stems))}: "
                "set `separate.stems: 4`, or take it out of normalize.views and encode.views"
            )
        return stems[name]

    return view


def _mix(stems: Stems, rate: int, vocals: bool) -> Wave:
    kept = [wave for name, wave in stems.items() if vocals or name != "vocals"]
    return np.asarray(sum(kept[1:], kept[0]), np.float32)


VIEWS: dict[str, Callable[[Stems, int, bool], Wave]] = {
    "mix": _mix,
    "instrumental": lambda stems, rate, vocals: _mix(stems, rate, False),
    "drums": _stem("drums"),
    "bass": _stem("bass"),
    "bass_drums": lambda stems, rate, vocals: _stem("bass")(stems, rate, vocals) + _stem("drums")(stems, rate, vocals),
    "low": lambda stems, rate, vocals: bass_band(_mix(stems, rate, vocals), rate),
}
"""Every view as a function of the stems, their rate, and whether the mix keeps vocals."""


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
    views: tuple[str, ...]
    trim_db: float
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
        unknown = [view for view in self.views if view not in VIEWS]
        if unknown or "mix" not in self.views:
            raise ValueError(f"normalize.views must hold mix, and others of {', '.join(VIEWS)}, got {list(self.views)}")
        if not -120 <= self.trim_db <= -20:
            raise ValueError(f"normalize.trim_db must be in -120..-20, got {self.trim_db}")
        if self.min_segment_s < MIN_SECONDS:
            raise ValueError(f"normalize.min_segment_s must be at least {MIN_SECONDS}, got {self.min_segment_s}")


@dataclass(frozen=True, slots=True)
class Job:
    """One track to normalize; `stems` is a folder that separate.py wrote."""

    id: str
    home: Path
    stems: Path
    config: NormalizeConfig


def audible(mix: Wave, rate: int, trim_db: float) -> slice:
    """The samples of [C, S] between the first and the last block that comes within `trim_db` of the peak."""
    size = max(1, int(_BLOCK_S * rate))
    level = np.abs(mix).max(0)
    peaks = np.maximum.reduceat(level, np.arange(0, len(level), size))
    loud = np.flatnonzero(peaks > peaks.max() * 10 ** (trim_db / 20))
    return slice(int(loud[0]) * size, min(len(level), (int(loud[-1]) + 1) * size)) if len(loud) else slice(0, 0)


def normalize_track(job: Job) -> list[Member]:
    """`<view>.flac` and `json` of one track, all under one gain.

    Raises:
        Unusable: too short for a segment, or too quiet for a measurement.
        UserError: a view needs a stem that there is not.
    """
    stems, flipped = _read_stems(shards.read_track(job.stems, job.id), job.config)
    return normalize(stems, flipped, job.id, job.config)


def normalize(stems: dict[str, Wave], flipped: list[str], track_id: str, config: NormalizeConfig) -> list[Member]:
    """The members of a track from its stems [C, S] at the stage's rate; `flipped` is only noted.

    Raises:
        Unusable: as `normalize_track`.
    """
    rate = config.sample_rate
    whole = _mix(stems, rate, config.vocals)
    sound = audible(whole, rate, config.trim_db)
    length = sound.stop - sound.start
    if length < config.min_segment_s * rate:
        raise Unusable(f"shorter than normalize.min_segment_s = {config.min_segment_s:g} s without silence")
    stems = {name: wav[:, sound] for name, wav in stems.items()}
    views = {name: VIEWS[name](stems, rate, config.vocals) for name in config.views}
    del stems
    target = Target(config.lufs, config.peak_dbtp, config.limiter, config.lra)
    gain, factor = track_gain(views["mix"], views.values(), rate, target)
    if not np.isfinite(gain.measured_lufs):
        raise Unusable("silent: too quiet for a loudness measurement")
    members = [Member(track_id, f"{name}.flac", flac_bytes(views.pop(name) * factor, rate)) for name in config.views]
    notes = {
        "duration": round(length / rate, 3),
        "trimmed_s": [round(sound.start / rate, 3), round((whole.shape[1] - sound.stop) / rate, 3)],
        "gain": dataclasses.asdict(gain),
        "low_flipped": flipped,
        "views": sorted(config.views),
    }
    return [*members, shards.note(track_id, notes, members)]


def _read_stems(files: dict[str, bytes], config: NormalizeConfig) -> tuple[dict[str, Wave], list[str]]:
    """Stems [C, S] at the stage's rate and channels, and those whose low band was turned over for mono.

    The scale that kept them inside FLAC is undone, and their offset is taken away.
    """
    scale, rate = np.float32(json.loads(files["json"])["scale"]), config.sample_rate
    stems, flipped = {}, []
    for name in sorted(n.removesuffix(".flac") for n in files if n.endswith(".flac")):
        wav, own_rate = read_flac(files.pop(f"{name}.flac"))
        wav = resample(wav, own_rate, rate)
        wav -= wav.mean(1, keepdims=True)
        wav /= scale
        if config.channels == 1 and mono.cancels_low(wav, rate):
            flipped.append(name)
        stems[name] = mono.fold(wav, rate, name in flipped) if config.channels == 1 else set_channels(wav, 2)
    return stems, flipped


def row(track: Track, note: Mapping[str, object], lufs: float) -> Track:
    """The track's row as its audio now is: duration, sections without what was trimmed, flags."""
    duration, gain = note["duration"], note["gain"]
    assert isinstance(duration, float) and isinstance(gain, dict)
    start = float(note["trimmed_s"][0])  # type: ignore[index]
    sections = clip_sections(track.sections, start, start + duration)
    short = gain["short_of_target_db"]
    return dataclasses.replace(
        track,
        duration=duration,
        structure=json.dumps(sections) if sections else "",
        flags=f"{short:.1f} LU below {lufs:g} LUFS" if short > FLAG_LU else "",
    )
