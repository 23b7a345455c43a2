"""What is true of a take: tempo, key, chords and times of a track that `audio/augment.py` changed, and its captions.

Apart from the sound, because training tells captions anew whenever they are edited, and encodes nothing then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lowend.audio.analysis import NOTES
from lowend.tracks import Track


@dataclass(frozen=True, slots=True)
class Change:
    """What of a track's table is no longer true of a take: tempo over the original's, and semitones up."""

    stretch: float = 1.0
    semitones: int = 0


def transposed(name: str, semitones: int) -> str:
    """A key or chord (`F# minor`, `Am`) so many semitones up; what does not begin with a note stays."""
    match = re.match(r"[A-G][#b]?", name)
    if match is None or match[0] not in NOTES:
        return name
    return NOTES[(NOTES.index(match[0]) + semitones) % 12] + name[match.end() :]


def followed(track: Track, change: Change) -> Track:
    """The track's row as it is true of a take: tempo, wobble, key, chords, bars, length and sections."""
    scaled = {name: value * change.stretch for name in ("bpm", "wobble_hz") if (value := getattr(track, name))}
    sections = [
        {**s, "start": round(float(s["start"]) / change.stretch, 3), "end": round(float(s["end"]) / change.stretch, 3)}
        for s in track.sections
    ]
    return replace(
        track,
        **scaled,
        key=transposed(track.key, change.semitones),
        chords=", ".join(transposed(chord, change.semitones) for chord in track.chords.split(", ")),
        downbeats=" ".join(f"{time / change.stretch:g}" for time in track.bars),
        duration=track.duration / change.stretch if track.duration else track.duration,
        structure=json.dumps(sections) if sections else "",
    )


def told(text: str, before: Track, after: Track, section: str) -> str:
    """A caption of `before` that says the tempo, key, chords and section times of `after`.

    `section` is the template's wording of a section. What the caption does not say stays unsaid.
    """
    facts: dict[str, str] = {}
    for one, other in zip(before.sections, after.sections, strict=True):
        facts[_span(section, one)] = _span(section, other)
    if before.chords:
        facts[before.chords] = after.chords
    if before.key:
        facts[before.key] = after.key
    if before.bpm and after.bpm:
        facts[f"{before.bpm:.0f} BPM"] = f"{after.bpm:.0f} BPM"
        facts[f"{before.bpm:.0f} beats"] = f"{after.bpm:.0f} beats"
    return _replaced(text, facts)


def _span(section: str, values: Mapping[str, float | str]) -> str:
    start, end = round(float(values["start"])), round(float(values["end"]))
    return section.format(name=values["name"], start=start, end=end)


def _replaced(text: str, facts: Mapping[str, str]) -> str:
    """All at once, longest first, so that no replacement is replaced again."""
    ordered = sorted((name for name in facts if name), key=len, reverse=True)
    if not ordered:
        return text
    pattern = "|".join(re.escape(name) for name in ordered)
    return re.sub(rf"(?<![\w#])(?:{pattern})(?![\w#])", lambda match: facts[match[0]], text)


def retold(track: Track, change: Change, section: str) -> tuple[str, ...]:
    """Every caption of the track, as it is true of a take; `section` as for `told`."""
    after = followed(track, change)
    return tuple(told(text, track, after, section) for text in track.texts)


def blended_text(text: str, other: str) -> str:
    """The joint caption of a blend."""
    return f"{text.rstrip('.')}, blended with a little {other}"
