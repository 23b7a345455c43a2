"""The work of the encode stage on one track: codes of the wanted views."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lowend import shards
from lowend.audio.io import read_flac
from lowend.errors import UserError
from lowend.models import codec as codecs
from lowend.models.codec import CompressionModel
from lowend.shards import Member


@dataclass(frozen=True, slots=True)
class Job:
    """One track to encode."""

    id: str
    home: Path
    audio: Path
    codec: Path
    views: tuple[str, ...]


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


def encode_track(job: Job) -> list[Member]:
    """`<view>.npy` of one track.

    Raises:
        UserError: the audio lacks a view, or is not as the codec wants it.
    """
    codec = _codec(job.codec)
    made = []
    for view in job.views:
        found = shards.read_track(job.audio, job.id, f"{view}.flac")
        if not found:
            raise UserError(f"params.yaml: encode.views asks for {view!r}, which normalize.views does not hold; add it")
        wav, rate = read_flac(found[f"{view}.flac"])
        if rate != codec.sample_rate or len(wav) != codec.channels:
            raise UserError(
                f"the codec wants {codec.sample_rate} Hz and {codec.channels} channels, the audio has {rate} Hz and "
                f"{len(wav)}: set normalize.sample_rate and normalize.channels in params.yaml"
            )
        made.append(Member(job.id, f"{view}.npy", _npy(codecs.encode(codec, wav))))
    return made
