"""The work of the separate stage on its tracks: decode, separate, gate, score against the truth, encode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lowend import cache, shards
from lowend.audio import separation
from lowend.audio.io import Wave, decode, flac_bytes, read_flac, resample, set_channels
from lowend.errors import Unusable
from lowend.shards import Member
from lowend.tracks import Track

SECONDS_AT_ONCE = 300.0
"""Audio of tracks that a GPU separates together: enough to fill its passes, little enough to hold in memory."""


@dataclass(frozen=True, slots=True)
class SeparateConfig:
    """Section `separate` of params.yaml."""

    model: str
    stems: int
    shifts: int
    overlap: float
    vocals_gate_db: float

    def __post_init__(self) -> None:
        if self.stems not in (2, 4):
            raise ValueError(f"separate.stems must be 2 or 4, got {self.stems}")
        if self.shifts < 0:
            raise ValueError(f"separate.shifts must be 0 or more, got {self.shifts}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"separate.overlap must be in 0..1, got {self.overlap}")
        if not -200 <= self.vocals_gate_db <= 0:
            raise ValueError(f"separate.vocals_gate_db must be in -200..0, got {self.vocals_gate_db}")


@dataclass(frozen=True, slots=True)
class Job:
    """One track to separate; `raw` is a folder that download.py wrote, `scratch` the cache's."""

    track: Track
    raw: Path
    kit: Path
    config: SeparateConfig
    scratch: Path

    @property
    def id(self) -> str:
        """The track's id, which is a hash of its content."""
        return self.track.id

    @property
    def home(self) -> Path:
        """Where the cache keeps the stems."""
        return cache.home(self.scratch, self.id)


@lru_cache(maxsize=1)
def load(config: SeparateConfig, kit: Path) -> separation.Separator:
    """One model per worker process."""
    return separation.Separator(config.model, kit, config.shifts, config.overlap, config.stems)


def tracks_at_once(tracks: Iterable[Track]) -> int:
    """How many tracks share forward passes: on a GPU what fills `SECONDS_AT_ONCE`, on a CPU one."""
    longest_s = max((track.duration or SECONDS_AT_ONCE for track in tracks), default=SECONDS_AT_ONCE)
    return max(1, int(SECONDS_AT_ONCE / longest_s)) if separation.ON_GPU else 1


def separate_tracks(jobs: Sequence[Job]) -> Iterator[list[Member] | Unusable]:
    """`<stem>.flac` and `json` of every job's track, or why there are none."""
    model = load(jobs[0].config, jobs[0].kit)
    found = [_decode(job, model.samplerate) for job in jobs]
    reasons = [wav if isinstance(wav, Unusable) else None for wav in found]
    pairs = [(wav, job.id) for wav, job in zip(found, jobs, strict=True) if not isinstance(wav, Unusable)]
    made = model.separate((wav, model.samplerate, track_id) for wav, track_id in pairs)
    del found, pairs  # the mixes are not needed beside their stems
    for job, reason in zip(jobs, reasons, strict=True):
        yield reason or _members(job, model, next(made))


def _decode(job: Job, rate: int) -> Wave | Unusable:
    try:
        return decode(next((job.raw / "audio").glob(f"{job.id}.*")), rate)[0]
    except Unusable as reason:
        return reason


def _members(job: Job, model: separation.Separator, stems: dict[str, Wave]) -> list[Member]:
    stems, gated_share = gate_vocals(stems, model.rest, model.samplerate, job.config.vocals_gate_db)
    truth = job.raw / "truth"
    names = [f"{stem}.flac" for stem in stems]
    scores = _score(stems, model.samplerate, shards.read_track(truth, job.id, *names)) if truth.exists() else {}
    peak = max(float(max(wave.max(), -wave.min())) for wave in stems.values())
    scale = min(1.0, 0.99 / max(peak, 1e-9))  # one factor for all stems: they still sum to the mix
    data = []
    for stem in sorted(stems):
        wave = stems.pop(stem)  # ten minutes of a stem are 150 MB and more: it goes as soon as it is encoded
        wave *= np.float32(scale)
        data.append(Member(job.id, f"{stem}.flac", flac_bytes(wave, model.samplerate)))
    values = {
        "scale": scale,
        "sample_rate": model.samplerate,
        "si_sdr": scores,
        "vocals_gated_share": gated_share,
    }
    return [*data, shards.note(job.id, values, data)]


def gate_vocals(
    stems: Mapping[str, Wave], rest: str, rate: int, gate_db: float
) -> tuple[dict[str, Wave], float | None]:
    """Stems [C, S] with bleed moved from `vocals` to the stem `rest`, and the share of the time that this is.

    The sum stays what it was. Without vocals the stems are returned as they are, and the share is None.
    """
    if "vocals" not in stems:
        return dict(stems), None
    vocals = stems["vocals"]
    gain = separation.vocals_gain(vocals, np.asarray(sum(stems.values()), np.float32), rate, gate_db)
    kept = vocals * gain
    return {**stems, "vocals": kept, rest: stems[rest] + (vocals - kept)}, round(1 - float(gain.mean()), 4)


def _score(stems: Mapping[str, Wave], rate: int, truth: Mapping[str, bytes]) -> dict[str, dict[str, float]]:
    """SI-SDR in dB of each stem, and of the mix taken as that stem, against the true one."""
    mix = np.asarray(sum(stems.values()), np.float32)
    scores = {}
    for name, data in truth.items():
        stem = name.removesuffix(".flac")
        true, true_rate = read_flac(data)
        if np.abs(true).max() < 1e-3:
            continue
        true = set_channels(resample(true, true_rate, rate), len(mix))
        n = min(true.shape[1], mix.shape[1])
        scores[stem] = {
            "made": round(separation.si_sdr_db(stems[stem][:, :n], true[:, :n]), 3),
            "mix": round(separation.si_sdr_db(mix[:, :n], true[:, :n]), 3),
        }
    return scores


def summarise(notes: Sequence[Mapping[str, Any]], rejected: int) -> dict[str, float]:
    """Counts, share of vocals gated, and each stem's mean SI-SDR and gain over the mix in dB where truth is known."""
    metrics: dict[str, float] = {"tracks": len(notes), "rejected": rejected}
    gated = [note["vocals_gated_share"] for note in notes if note["vocals_gated_share"] is not None]
    if gated:
        metrics["vocals_gated_share"] = round(float(np.mean(gated)), 4)
    found = [note["si_sdr"] for note in notes]
    for stem in sorted({name for scores in found for name in scores}):
        pairs = [scores[stem] for scores in found if stem in scores]
        made, mix = (float(np.mean([pair[k] for pair in pairs])) for k in ("made", "mix"))
        metrics[f"{stem}_si_sdr_db"] = round(made, 2)
        metrics[f"{stem}_si_sdr_gain_db"] = round(made - mix, 2)
    return metrics
