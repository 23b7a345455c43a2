"""The work of the caption stage on one track: describe what is heard, and fill the track's row with it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lowend import captioner, captions, shards
from lowend.audio import analysis, description
from lowend.audio.description import Description
from lowend.audio.io import read_flac
from lowend.captions import CaptionConfig, Template
from lowend.shards import Member
from lowend.tracks import Track

_VIEWS = ("mix.flac", "drums.flac", "bass.flac")


@dataclass(frozen=True, slots=True)
class Genre:
    """Section `genres.<genre>` of params.yaml."""

    bpm: tuple[float, float]  # the range that tempi are folded into by octaves

    def __post_init__(self) -> None:
        if not 0 < self.bpm[0] < self.bpm[1]:
            raise ValueError(f"genres.*.bpm must be [low, high], got {list(self.bpm)}")


@dataclass(frozen=True, slots=True)
class Job:
    """One track to describe; `audio` is a folder that normalize.py wrote."""

    id: str
    home: Path
    audio: Path
    backend: str
    bpm: tuple[float, float]
    audio_model: str


def label_track(job: Job) -> list[Member]:
    """`json` with the track's description, and what the audio language model says of it (empty without one)."""
    waves = {n: read_flac(data) for n, data in shards.read_track(job.audio, job.id, *_VIEWS).items()}
    mix, rate = waves["mix.flac"]
    views = {name.removesuffix(".flac"): wav for name, (wav, _) in waves.items()}
    found = description.describe(views, rate, job.backend, job.bpm)
    said = captioner.load(job.audio_model)(mix, rate) if job.audio_model else ""
    return [shards.note(job.id, {"description": dataclasses.asdict(found), "said": said}, [])]


def row(track: Track, note: dict[str, Any], template: Template, config: CaptionConfig, seed: int) -> Track:
    """The track's row with what was heard in the cells that are empty, and its captions.

    What the source knew (metadata, tags, the synthesiser's truth) wins over what analysis found.
    """
    found = Description(**note["description"])
    known = dataclasses.replace(
        track,
        bpm=track.bpm or (found.bpm and round(found.bpm, 2)),
        key=analysis.key_name(track.key) or found.key,
        structure=track.structure or (json.dumps(found.sections) if found.sections else ""),
        energy_level=track.energy_level or found.energy_level,
        instruments=track.instruments or ", ".join(found.instruments),
        chords=track.chords or ", ".join(found.chords),
        bpm_confidence=found.bpm_confidence,
        key_confidence=found.key_confidence,
        swing=found.swing,
        wobble_hz=track.wobble_hz or found.wobble_hz,
        sub_bass_share=found.sub_bass_share,
        brightness_hz=found.brightness_hz,
        downbeats=" ".join(f"{time:g}" for time in found.downbeats),
        analysis=found.backend,
        flags="; ".join(filter(None, (track.flags, *found.flags))),
        caption=track.caption or note["said"],
    )
    # What a separated bass seems to wobble at is too often wrong to be said.
    sayable = dataclasses.replace(known, wobble_hz=track.wobble_hz)
    texts = captions.variants(sayable, template, config, f"{seed}/captions")
    return dataclasses.replace(
        known, caption=texts[0], variants=json.dumps(texts, ensure_ascii=False) if len(texts) > 1 else ""
    )


def agreement(tracks: Sequence[Track], notes: Sequence[dict[str, Any]]) -> dict[str, float]:
    """How much of what the source knows analysis heard too: tempo within 4 % (octaves allowed), key, drops.

    A drop agrees when one is heard within half a bar of it.
    """
    pairs = [(track, Description(**note["description"])) for track, note in zip(tracks, notes, strict=True)]
    tempo = [f.bpm and analysis.tempo_error(f.bpm, t.bpm) < 0.04 for t, f in pairs if t.bpm]
    known = [(analysis.key_name(t.key), f.key) for t, f in pairs if t.key]
    keys = [(a == b, d) for a, b in known if (d := analysis.key_distance(a, b)) is not None]
    drops = [_drop_heard(float(s["start"]), t, f) for t, f in pairs for s in t.sections if s["name"] == "drop"]
    metrics: dict[str, float] = {"tracks": len(tracks), "flagged": sum(bool(f.flags) for _, f in pairs)}
    shares = {
        ("tempo_known", "tempo_agrees"): [bool(x) for x in tempo],
        ("key_known", "key_agrees"): [same for same, _ in keys],
        ("key_known", "key_within_a_fifth"): [d <= 1 for _, d in keys],
        ("drops_known", "drops_agree"): drops,
    }
    for (count, name), values in shares.items():
        metrics |= {count: len(values), name: round(float(np.mean(values)), 4) if values else 0.0}
    return metrics


def _drop_heard(start: float, track: Track, found: Description) -> bool:
    half_bar_s = 120 / (track.bpm or found.bpm or 120)
    heard = [float(s["start"]) for s in found.sections if s["name"] == "drop"]
    return any(abs(h - start) <= half_bar_s for h in heard)
