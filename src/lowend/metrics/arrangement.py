"""Which part of a track a clip sounds like, and which of the instruments that its prompt names are heard.

Stems tell both. Three kinds of part can be told apart: full (drums and bass play: a drop, verse or hook),
thin (one of them does not: an intro, breakdown or outro) and build-up (no bass, and the highs grow). A
verse cannot be told from a hook, nor an intro from a breakdown. Thresholds were set on 117 passages of
synthesised songs, and held on 119 others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lowend.audio import bands
from lowend.audio.bands import FRAME_RATE
from lowend.audio.io import Wave
from lowend.clips import Clip

PARTS = {
    **dict.fromkeys(("drop", "verse", "hook"), "full"),
    **dict.fromkeys(("intro", "breakdown", "outro"), "thin"),
    "build-up": "build-up",
}
"""The kind of each part that a prompt may ask for."""

INSTRUMENTS = {"drums": re.compile(r"\bdrums\b"), "bass": re.compile(r"\bbass\b")}
"""Instruments that can be heard, by the stem that holds them, and the word of prompts for them."""

_LISTS = re.compile(r"\bwith\b")
_PLAYS_DB = {"drums": -10.0, "bass": -11.0}  # of the mix: less is hats alone, or what the separator leaks
_HIGHS = slice(6, 9)  # 2-12 kHz
_SMOOTH_S, _DEPTH_DB = 0.5, 40.0
_GROWS_DB, _STEADILY = 6.0, 0.6  # through a clip, and the correlation of the level with a straight line


@dataclass(frozen=True, slots=True)
class Stems:
    """What stems tell of a clip.

    heard: those of `INSTRUMENTS` that play; drums are a kick and a snare, hats alone are none. part: full,
    thin or build-up.
    """

    heard: tuple[str, ...]
    part: str


def named(prompt: str) -> set[str]:
    """Those of `INSTRUMENTS` that a prompt names."""
    return {name for name, word in INSTRUMENTS.items() if word.search(prompt)}


def asks(clip: Clip) -> bool:
    """Whether a prompt asks for something that only stems tell."""
    return bool(clip.structure in PARTS or _LISTS.search(clip.prompt))


def listen(mix: Wave, rate: int, stems: Mapping[str, Wave]) -> Stems:
    """What the stems, each [C', S'], tell of their mix [C, S]."""
    least = float((mix**2).mean())
    heard = tuple(
        name for name, db in _PLAYS_DB.items() if float((stems[name] ** 2).mean()) > least * 10 ** (db / 10) > 0
    )
    part = "full" if len(heard) == len(INSTRUMENTS) else "thin"
    if "bass" not in heard and _grows(mix, rate):
        part = "build-up"
    return Stems(heard, part)


def structure_right(clip: Clip, found: Stems | None) -> bool | None:
    """Whether a clip is of the kind of part that is asked for; None where none is that can be told."""
    wanted = PARTS.get(clip.structure)
    return None if wanted is None else found is not None and found.part == wanted


def instruments(clip: Clip, found: Stems | None) -> tuple[float | None, float | None]:
    """Share of the named instruments that are heard, and of the others that are heard though nobody named them.

    None where there is nothing to count. A prompt lists what plays in a track, and some of it is silent in a part
    that is not full: there nothing is counted.
    """
    if PARTS.get(clip.structure, "full") != "full" or not _LISTS.search(clip.prompt):
        return None, None
    wanted, heard = named(clip.prompt), set(found.heard if found else ())
    right, false = ((group, group & heard) for group in (wanted, set(INSTRUMENTS) - wanted))
    return _share(*right), _share(*false)


def _share(group: set[str], heard: set[str]) -> float | None:
    return len(heard) / len(group) if group else None


def _grows(mix: Wave, rate: int) -> bool:
    """Whether the highs of [C, S] rise steadily from its start to its end."""
    level = 10 * np.log10(bands.bands(mix, rate).power[_HIGHS].sum(0) + 1e-9)
    frames = round(_SMOOTH_S * FRAME_RATE)
    if len(level) < 4 * frames:
        return False
    smooth = np.convolve(np.maximum(level, level.max() - _DEPTH_DB), np.ones(frames) / frames, "valid")
    time = np.linspace(-0.5, 0.5, len(smooth))
    growth = float(time @ smooth / (time @ time))
    steadily = growth * np.std(time) / max(float(np.std(smooth)), 1e-9)
    return bool(growth >= _GROWS_DB and steadily >= _STEADILY)
