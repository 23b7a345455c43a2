"""How separate the stems of a track are where no truth tells: by how much of one lies under another."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import stft

from lowend import shards
from lowend.audio.io import Wave
from lowend.shards import Member

EXCERPT_S = 30.0
_FRAME_S = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """One track; `stems` is a folder that separate.py wrote."""

    id: str
    home: Path
    stems: Path


def make(job: Job) -> list[Member]:
    """`json` with the overlap of the stems in the middle of the track."""
    files = shards.read_track(job.stems, job.id)
    seconds = extent_s(next(data for name, data in files.items() if name.endswith(".flac")))
    stems, rate = cut(files, (seconds - EXCERPT_S) / 2, EXCERPT_S)
    return [shards.note(job.id, {"overlap": round(overlap(stems, rate), 5)}, [])]


def overlap(stems: Mapping[str, Wave], rate: int) -> float:
    """Share of the power, 0..1, in cells of time and frequency where another stem is louder.

    Instruments that play together seldom sound in the same cell (100 ms by 10 Hz), while what leaks
    into a wrong stem lies exactly where its own stem is loud. stems: {name: [C, S]} of one length.
    """
    powers = [np.abs(stft(wav.mean(0), rate, nperseg=int(_FRAME_S * rate))[2]) ** 2 for wav in stems.values()]
    total = float(sum(power.sum() for power in powers))
    loudest = float(np.max(powers, axis=0).sum())
    return 1 - loudest / total if total > 0 else 0.0


def extent_s(data: bytes) -> float:
    """Length of a FLAC file in seconds, from its header."""
    return float(sf.info(io.BytesIO(data)).duration)


def cut(files: Mapping[str, bytes], start_s: float, length_s: float) -> tuple[dict[str, Wave], int]:
    """Every `<name>.flac` from `start_s` on as {name: [C, S]}, and their rate in Hz; only that much is decoded.

    A start before or too near the end is moved, so that the excerpt is as long as the file permits.
    """
    found, rate = {}, 0
    for name, data in sorted(files.items()):
        if name.endswith(".flac"):
            with sf.SoundFile(io.BytesIO(data)) as file:
                rate = int(file.samplerate)
                length = int(length_s * rate)
                file.seek(max(0, min(int(start_s * rate), file.frames - length)))
                found[name.removesuffix(".flac")] = file.read(length, dtype="float32", always_2d=True).T
    return found, rate
