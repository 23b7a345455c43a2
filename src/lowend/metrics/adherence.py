"""Does a clip have the tempo, key, part of a track, instruments and wobble that its prompt asked for, and low end?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lowend.audio import analysis
from lowend.audio.io import Wave
from lowend.clips import Clip
from lowend.metrics import arrangement, sound
from lowend.metrics.arrangement import Stems
from lowend.metrics.bootstrap import mean
from lowend.models import wobbles
from lowend.models.wobbles import WobbleEar

TEMPO_TOLERANCE = 0.04  # as in the Accuracy-2 of tempo estimation (Gouyon et al., 2006)
WOBBLE_TOLERANCE = 0.15


@dataclass(frozen=True, slots=True)
class Adherence:
    """One clip: what was heard, and whether it is what the prompt asked for.

    `tempo_error` is relative, up to octaves; `tempo_error_bpm` is the same in BPM of the tempo asked for;
    `key_distance` counts steps on the circle of fifths, a key and its relative being equal; `wobble_error`
    is relative to the rate asked for. These are None where nothing was asked for or nothing was heard.
    `tempo_right`, `key_right` and `wobble_right` are None only where the prompt asks for none, the last also
    where no ear was there to tell. The last five are what `arrangement` makes of the stems: the kind of part and
    the instruments that are heard, and what is right of it.
    """

    bpm: float | None
    key: str
    tempo_error: float | None
    tempo_right: bool | None
    key_distance: int | None
    key_right: bool | None
    low_share: float
    is_silent: bool
    tempo_error_bpm: float | None
    wobble_hz: float | None
    wobble_error: float | None
    wobble_right: bool | None
    part: str = ""
    structure_right: bool | None = None
    heard: str = ""
    instruments_right: float | None = None
    instruments_false: float | None = None


def low_share(wav: Wave, rate: int) -> float:
    """Share of the power of [C, S] that lies in 20-200 Hz, of all from 20 Hz on; 0 for silence."""
    return sound.shares(wav, rate, (20, 200))[0]


def judge(
    clip: Clip,
    wav: Wave,
    rate: int,
    backend: str,
    stems: Stems | None = None,
    ear: WobbleEar | None = None,
) -> Adherence:
    """Analyse one clip against its prompt; what only stems tell is judged by them, and a wobble by `ear`.

    A wobble is listened for at the tempo of the prompt or, where that names none, at the clip's.
    """
    asked = analysis.key_name(clip.key)
    is_silent = sound.is_silent(wav)
    found = analysis.Analysis(None, "", 0.0) if is_silent else analysis.backend(backend)(wav, rate)
    error = analysis.tempo_error(found.bpm, clip.bpm) if found.bpm and clip.bpm else None
    told = None if is_silent else stems
    return Adherence(
        found.bpm,
        found.key,
        error,
        (error is not None and error < TEMPO_TOLERANCE) if clip.bpm else None,
        analysis.key_distance(asked, found.key) if asked else None,
        found.key == asked if asked else None,
        0.0 if is_silent else low_share(wav, rate),
        is_silent,
        error * clip.bpm if error is not None and clip.bpm else None,
        *_wobble(clip.wobble_hz, wav, rate, None if is_silent else clip.bpm or found.bpm, ear),
        told.part if told else "",
        arrangement.structure_right(clip, told),
        ", ".join(told.heard) if told else "",
        *arrangement.instruments(clip, told),
    )


def _wobble(
    asked: float | None, wav: Wave, rate: int, bpm: float | None, ear: WobbleEar | None
) -> tuple[float | None, float | None, bool | None]:
    """The rate heard, its relative error, and whether it is right; Nones where none is asked for or no ear is there."""
    if not asked or ear is None:
        return None, None, None
    heard = wobbles.rate_hz(ear, wav, rate, bpm) if bpm else None
    error = abs(heard / asked - 1) if heard else None
    return heard, error, error is not None and error <= WOBBLE_TOLERANCE


def summarise(clips: Sequence[Adherence], resamples: int, name: str) -> dict[str, float]:
    """Shares with intervals: tempo right (within 4 %, octaves allowed), key right, key within a fifth, and so on.

    Each is over the clips whose prompts ask for it; where none does, the share is left out.
    A clip without a beat, a key or a wobble counts as wrong. Mean errors are over the clips in which there
    is something to compare, which `<error>_clips` counts; silent clips are counted.
    """
    keyed = [c for c in clips if c.key_right is not None]
    shares = {
        "tempo_right": [float(c.tempo_right) for c in clips if c.tempo_right is not None],
        "key_right": [float(bool(c.key_right)) for c in keyed],
        "key_within_a_fifth": [float(c.key_distance is not None and c.key_distance <= 1) for c in keyed],
        "low_share": [c.low_share for c in clips],
        "wobble_right": [float(c.wobble_right) for c in clips if c.wobble_right is not None],
        "structure_right": [float(c.structure_right) for c in clips if c.structure_right is not None],
        "instruments_right": [c.instruments_right for c in clips if c.instruments_right is not None],
        "instruments_false": [c.instruments_false for c in clips if c.instruments_false is not None],
    }
    found = {"silent_clips": float(sum(c.is_silent for c in clips))}
    for metric, values in shares.items():
        if values:
            found |= mean(values, resamples, f"{name}/{metric}").as_metrics(metric)
    for error in ("tempo_error", "tempo_error_bpm", "key_distance", "wobble_error"):
        heard = [float(value) for c in clips if (value := getattr(c, error)) is not None]
        if heard:
            found |= mean(heard, resamples, f"{name}/{error}").as_metrics(error)
            found[f"{error}_clips"] = float(len(heard))
    return found
