"""A user's own drum samples: which drum a file is for, its wave, and which of them a song plays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from lowend.audio.io import SILENCE_PEAK, blocks, resample
from lowend.errors import Unusable
from lowend.seeds import seed
from lowend.synth.dsp import SAMPLE_RATE, Wave, fade, samples, to_peak

LONGEST_S = 2.0
_READ_S = 5  # of a file at least, where it is longer: room for silence before the hit
_START = 10 ** (-40 / 20)  # of the peak: a hit begins here, and not with the hiss before it
_END = 10 ** (-60 / 20)

_CODES = {
    "bd": "kick", "kik": "kick", "kd": "kick", "sn": "snare", "sd": "snare", "cp": "clap", "clp": "clap", "rs": "rim",
    "hh": "hat", "ch": "hat", "chh": "hat", "oh": "open_hat", "ohh": "open_hat", "lt": "tom", "mt": "tom", "ht": "tom",
    "ma": "shaker", "rd": "ride", "cr": "crash", "cy": "crash",
}  # fmt: skip
"""Drum machines' short names, which mean a drum only as the first word: `ma` may be anything elsewhere."""
_NAMES = {
    "kick": "kick", "bassdrum": "kick", "snare": "snare", "clap": "clap", "handclap": "clap", "rim": "rim",
    "rimshot": "rim", "hat": "hat", "hihat": "hat", "openhat": "open_hat", "shaker": "shaker", "maraca": "shaker",
    "cabasa": "shaker", "ride": "ride", "tom": "tom", "crash": "crash", "cymbal": "crash", "splash": "crash",
}  # fmt: skip
_LOOPS = {"loop", "roll", "fill", "beat", "break", "breakbeat"}
_CLOSED = {"closed", "pedal"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PLURAL = re.compile(r"(?<=[a-z]{2}[a-rt-z])s$")


@dataclass(frozen=True, slots=True)
class Shot:
    """A sample of the user's for one drum."""

    part: str  # one of events.DRUM_PARTS
    name: str  # within its folder; songs draw by it
    file: Path


def part_of(name: str) -> str | None:
    """The drum that a file within its folder is for, None where its name tells none or tells of a loop.

    The first word that names a drum counts, and the folder's name where the file's has none:

    >>> [part_of(n) for n in ("bd_808.flac", "kits/ClosedHat2.wav", "drum_cymbal_open.ogg", "claps/03.wav")]
    ['kick', 'hat', 'open_hat', 'clap']
    >>> [part_of(n) for n in ("kick_loop.wav", "guit_em9.flac")]
    [None, None]
    """
    path = Path(name)
    in_file, in_folder = _words(path.stem), _words(path.parent.name)
    words = {*in_file, *in_folder}
    if words & _LOOPS:
        return None
    part = _named(in_file) or _named(in_folder)
    if part in ("hat", "crash") and "open" in words:
        return "open_hat"
    return "hat" if part == "crash" and words & _CLOSED else part


def load(file: Path) -> Wave:
    """A sample [S] at 32 kHz, mono, of peak 1: from its first sound on, two seconds at most.

    Raises:
        Unusable: not audio, damaged, or its first seconds are silent or hold NaN.
    """
    rate, decoded = blocks(file)
    heard = [np.zeros((1, 0), np.float32), *(block.mean(0, keepdims=True) for block in islice(decoded, _READ_S))]
    mono = np.concatenate(heard, axis=1)
    peak = float(np.abs(mono).max(initial=0.0))
    if not SILENCE_PEAK <= peak < np.inf:
        raise Unusable(f"no hit in it: its first {_READ_S} s peak at {peak:g} of full scale in mono")
    wave = to_peak(resample(mono, rate, SAMPLE_RATE)[0])
    start = int(np.argmax(np.abs(wave) > _START))
    hit = wave[start : start + samples(LONGEST_S)]
    hit = hit[: int(np.flatnonzero(np.abs(hit) > _END)[-1]) + 1]
    return to_peak(fade(hit, 0.0005, 0.1 * len(hit) / SAMPLE_RATE))


def draw(shots: Sequence[Shot], voices: str) -> dict[str, Wave]:
    """One sample for each drum that has some, the same for all songs of one name of voices.

    Every file has its own number for a name, and the lowest is drawn, so that one more file changes only the
    songs that draw it.

    Raises:
        Unusable: as `load`.
    """
    parts = dict.fromkeys(shot.part for shot in shots)
    drawn = (min((s for s in shots if s.part == part), key=lambda s: seed(voices, s.part, s.name)) for part in parts)
    return {shot.part: load(shot.file) for shot in drawn}


def _words(text: str) -> list[str]:
    return [_PLURAL.sub("", word.lower()) for word in _WORD.findall(text)]


def _named(words: Sequence[str]) -> str | None:
    if {"bass", "drum"} <= set(words):
        return "kick"
    return _CODES.get(words[0] if words else "") or next((_NAMES[word] for word in words if word in _NAMES), None)
