"""The work of the separate stage on one track: decode, separate, score against the truth, encode."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from lowend import cache, shards
from lowend.audio import separation
from lowend.audio.io import (
    Unusable,
    Wave,
    decode,
    flac_bytes,
    read_flac,
    resample,
    set_channels,
)
from lowend.shards import Member
from lowend.tracks import Track


@dataclass(frozen=True, slots=True)
class SeparateConfig:
    """Section `separate` of params.yaml."""

    model: str
    shifts: int
    overlap: float

    def __post_init__(self) -> None:
        if self.shifts < 0:
            raise ValueError(f"separate.shifts must be 0 or more, got {self.shifts}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"separate.overlap must be in 0..1, got {self.overlap}")


@dataclass(frozen=True, slots=True)
class Job:
    """One track to separate; `raw` is a folder that download.py wrote."""

    track: Track
    raw: Path
    kit: Path
    config: SeparateConfig
    scratch: Path


@lru_cache(maxsize=1)
def load(config: SeparateConfig, kit: Path) -> separation.Separator:
    """One model per worker process."""
    return separation.Separator(config.model, kit, config.shifts, config.overlap)


def separate_track(job: Job) -> list[Member] | str:
    """`<stem>.flac` and `json` of one track from the cache or made now; or why there are none."""
    try:
        return cache.members(job.scratch, job.track.id, lambda: _separate(job))
    except Unusable as error:
        return str(error)


def _separate(job: Job) -> list[Member]:
    source = next((job.raw / "audio").glob(f"{job.track.id}.*"))
    wav, rate = decode(source)
    model = load(job.config, job.kit)
    stems = model.stems(wav, rate, job.track.id)
    peak = max(float(np.abs(wave).max()) for wave in stems.values())
    scale = min(1.0, 0.99 / max(peak, 1e-9))  # one factor for all stems: they still sum to the mix
    notes = {"scale": scale, "sample_rate": model.samplerate}
    truth = job.raw / "truth"
    scores = _score(stems, model.samplerate, shards.read_track(truth, job.track.id)) if truth.exists() else {}
    data = [
        Member(job.track.id, f"{stem}.flac", flac_bytes(wave * np.float32(scale), model.samplerate))
        for stem, wave in stems.items()
    ]
    return [*data, Member(job.track.id, "json", shards.json_bytes({**notes, "si_sdr": scores}))]


def _score(stems: dict[str, Wave], rate: int, truth: dict[str, bytes]) -> dict[str, dict[str, float]]:
    """SI-SDR in dB of each stem, and of the mix taken as that stem, against the true one."""
    mix = np.asarray(sum(stems.values()), np.float32)
    scores = {}
    for name, data in truth.items():
        stem = name.removesuffix(".flac")
        true, true_rate = read_flac(data)
        if stem not in stems or np.abs(true).max() < 1e-3:
            continue
        true = set_channels(resample(true, true_rate, rate), len(mix))
        n = min(true.shape[1], mix.shape[1])
        scores[stem] = {
            "made": round(separation.si_sdr_db(stems[stem][:, :n], true[:, :n]), 3),
            "mix": round(separation.si_sdr_db(mix[:, :n], true[:, :n]), 3),
        }
    return scores


def summarise(notes: Iterable[bytes], rejected: int) -> dict[str, float]:
    """Counts, and each stem's mean SI-SDR in dB and gain over the mix where the truth is known."""
    found = [json.loads(note)["si_sdr"] for note in notes]
    metrics: dict[str, float] = {"tracks": len(found), "rejected": rejected}
    for stem in sorted({name for scores in found for name in scores}):
        pairs = [scores[stem] for scores in found if stem in scores]
        made, mix = (float(np.mean([pair[k] for pair in pairs])) for k in ("made", "mix"))
        metrics[f"{stem}_si_sdr_db"] = round(made, 2)
        metrics[f"{stem}_si_sdr_gain_db"] = round(made - mix, 2)
    return metrics
