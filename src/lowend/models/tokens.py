"""The work of the encode stage on one track: codes and band levels of the wanted views, and of their takes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from audiocraft.models.encodec import CompressionModel
from numpy.typing import NDArray

from lowend import shards
from lowend.audio import augment
from lowend.audio.augment import AugmentConfig, Blend
from lowend.audio.bandenergy import band_energies, to_levels
from lowend.audio.io import Wave, read_flac
from lowend.errors import UserError
from lowend.models import codec as codecs
from lowend.models import devices
from lowend.seeds import rng
from lowend.shards import Member
from lowend.takes import Change

MIXED = ("mix", "instrumental", "bass_drums")
"""Views in which drums and bass can be louder or quieter."""


@dataclass(frozen=True, slots=True)
class Takes:
    """The takes that a track of the train side gets beside the original, one for each of `blends`."""

    seed: int
    genre: str
    config: AugmentConfig
    blends: tuple[Blend | None, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One track to encode."""

    id: str
    home: Path
    audio: Path
    codec: Path
    views: tuple[str, ...]
    takes: Takes | None = None


@lru_cache(maxsize=1)
def _codec(folder: Path) -> CompressionModel:
    return codecs.load(folder, devices.best())


def _npy(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def encode_track(job: Job) -> list[Member]:
    """`<view>.npy` and `<view>.bands.npy` of one track; of its take n the same as `<view>.<n>`, and what changed.

    A take is drawn alike for every view, so that what stages train on is one and the same.

    Raises:
        UserError: the audio lacks a view, or is not as the codec wants it.
    """
    made = []
    for view in job.views:
        wav = _audio(job, job.id, view, "encode.views")
        made += _encoded(job, view, wav)
        for number, blend in enumerate(job.takes.blends if job.takes else ()):
            assert job.takes is not None
            take, change = _take(job, job.takes, view, wav, number)
            facts = {"stretch": change.stretch, "semitones": change.semitones, "blend": blend.other if blend else ""}
            made += _encoded(job, f"{view}.{number}", take)
            made.append(Member(job.id, f"{view}.{number}.json", shards.json_bytes(facts)))
    return made


def _audio(job: Job, track_id: str, view: str, key: str) -> Wave:
    """A view [C, S] of a track, for the sake of a parameter `key`."""
    found = shards.read_track(job.audio, track_id, f"{view}.flac")
    if not found:
        raise UserError(f"params.yaml: {key} asks for {view!r}, which normalize.views does not hold; add it")
    wav, rate = read_flac(found[f"{view}.flac"])
    codec = _codec(job.codec)
    if rate != codec.sample_rate or len(wav) != codec.channels:
        raise UserError(
            f"the codec wants {codec.sample_rate} Hz and {codec.channels} channels, the audio has {rate} Hz and "
            f"{len(wav)}: set normalize.sample_rate and normalize.channels in params.yaml"
        )
    return wav


def _encoded(job: Job, name: str, wav: Wave) -> list[Member]:
    codec = _codec(job.codec)
    codes = codecs.encode(codec, wav)
    energies = band_energies(wav, codec.sample_rate, round(codec.frame_rate), codes.shape[1])
    return [
        Member(job.id, f"{name}.npy", _npy(codes)),
        Member(job.id, f"{name}.bands.npy", _npy(to_levels(energies))),
    ]


def _take(job: Job, takes: Takes, view: str, wav: Wave, number: int) -> tuple[Wave, Change]:
    """Take `number` of a view [C, S], as loud as the view itself, and what changed."""
    config, blend, rate = takes.config, takes.blends[number], _codec(job.codec).sample_rate
    names = (takes.seed, job.id, number)
    made = wav
    if config.stems_db > 0 and view in MIXED:
        drums, bass = (_audio(job, job.id, stem, "encode.augment.stems_db") for stem in ("drums", "bass"))
        made = augment.balance([drums, bass, wav - drums - bass], rng("stems", *names), config.stems_db)
    if blend:
        made = augment.blend(made, _audio(job, blend.other, view, "encode.views"), blend.share)
    made, change = augment.take(made, rate, takes.genre, config, *names)
    return augment.as_loud(made, wav, rate), change
