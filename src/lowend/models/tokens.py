"""The work of the encode stage on one track: codes of the wanted views."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lowend import cache, shards
from lowend.audio.io import read_flac
from lowend.models import codec as codecs
from lowend.models.codec import CompressionModel
from lowend.shards import Member


@dataclass(frozen=True, slots=True)
class Job:
    """One track to encode."""

    track_id: str
    audio: Path
    codec: Path
    views: tuple[str, ...]
    scratch: Path


@lru_cache(maxsize=1)
def _codec(folder: Path) -> CompressionModel:
    return codecs.load(folder, codecs.device())


def _npy(codes: NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    np.save(file, codes, allow_pickle=False)
    return file.getvalue()


def read_codes(data: bytes) -> NDArray[np.int16]:
    """Codes int16 [K, T] of a member `<view>.npy`."""
    codes: NDArray[np.int16] = np.load(io.BytesIO(data), allow_pickle=False)
    return codes


def wanted(name: str, views: Sequence[str]) -> bool:
    """Whether a member (`drops-1.flac`) belongs to one of the views (`drops`)."""
    return name.endswith(".flac") and name.removesuffix(".flac").split("-")[0] in views


def encode_track(job: Job) -> list[Member]:
    """`<view>.npy` of one track, from the cache or made now."""
    return cache.members(job.scratch, job.track_id, lambda: _encode(job))


def _encode(job: Job) -> list[Member]:
    codec = _codec(job.codec)
    made = []
    for name, data in shards.read_track(job.audio, job.track_id).items():
        if not wanted(name, job.views):
            continue
        wav, rate = read_flac(data)
        if rate != codec.sample_rate:
            raise ValueError(f"the codec wants {codec.sample_rate} Hz, the audio has {rate}: set normalize.sample_rate")
        made.append(Member(job.track_id, name.replace(".flac", ".npy"), _npy(codecs.encode(codec, wav))))
    return made
