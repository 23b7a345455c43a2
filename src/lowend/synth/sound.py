"""A producer's template: the parameters of every voice and of the mix, drawn within a sub-genre's habits.

A range (low, high) is drawn evenly on a logarithmic scale where both ends are positive, else evenly; a list
is a choice. A style's table overrides the common one, so that it shows what makes the style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowend.synth.bass import Bass
from lowend.synth.drums import Kit
from lowend.synth.dsp import Wave
from lowend.synth.melodic import Voice, Voices
from lowend.synth.mixdown import Mix
from lowend.synth.transitions import Transitions

Range = tuple[float, float] | list[Any]
Ranges = Mapping[str, Range]


@dataclass(frozen=True, slots=True)
class Sound:
    """Everything that renders events but the events."""

    seed: int
    kit: Kit
    bass: Bass
    voices: Voices
    transitions: Transitions
    mix: Mix
    shots: Mapping[str, Wave]  # drum to the sample [S] of peak 1 that plays in its place


_KIT: Ranges = {
    "kick_hz": (44, 58), "kick_start_hz": (150, 260), "kick_speed": (26, 48), "kick_decay_s": (0.08, 0.15),
    "kick_click": (0.3, 0.9), "kick_drive": (1.2, 2.6),
    "snare_hz": (170, 230), "snare_body": (0.35, 0.6), "snare_decay_s": (0.06, 0.12), "snare_low_hz": (1000, 2400),
    "snare_crack": (0.3, 1.0), "snare_clap": [0.0, 0.0, 0.4, 0.7],
    "clap_decay_s": (0.06, 0.14), "clap_spread_s": (0.008, 0.013), "clap_low_hz": (800, 1300),
    "hat_metal": (0.2, 0.9), "hat_hz": (280, 520), "hat_low_hz": (5500, 8000), "hat_decay_s": (0.014, 0.035),
    "open_decay_s": (0.09, 0.22), "rim_hz": (420, 900),
    "dark_hz": [15_500.0], "hold": [1], "bits": [0.0], "room_s": (0.2, 0.5), "room_level": (0.1, 0.3),
    "kick_level": (0.88, 1.12), "snare_level": (0.85, 1.15), "hat_level": (0.8, 1.3),
}  # fmt: skip
_HEAVY: Ranges = {
    "kick_decay_s": (0.1, 0.17), "kick_click": (0.6, 1.0), "kick_drive": (1.8, 3.5), "snare_hz": (180, 215),
    "snare_body": (0.5, 0.66), "snare_decay_s": (0.11, 0.2), "snare_crack": (0.7, 1.0), "snare_clap": [0.0, 0.3, 0.6],
    "room_s": (0.3, 0.8), "room_level": (0.15, 0.35), "snare_level": (1.05, 1.3),
}  # fmt: skip
_KITS: dict[str, Ranges] = {
    "boom bap": {
        "kick_click": (0.5, 1.0), "snare_body": (0.42, 0.64), "snare_decay_s": (0.045, 0.09),
        "snare_low_hz": (900, 1800), "snare_clap": [0.0, 0.0, 0.0, 0.3],
        "hat_metal": (0.05, 0.4), "hat_low_hz": (4200, 6200), "dark_hz": (8500, 14_000), "hold": [1, 1, 2],
        "bits": [0.0, 9.0, 11.0],
    },
    "trap": {
        "kick_decay_s": (0.06, 0.11), "snare_hz": (185, 260), "snare_body": (0.22, 0.45), "snare_clap": [0.5, 0.8, 1.0],
        "hat_metal": (0.4, 0.95), "hat_low_hz": (6500, 8800), "hat_decay_s": (0.01, 0.022), "kick_drive": (1.6, 3.2),
    },
    "lo-fi": {
        "kick_click": (0.08, 0.35), "kick_drive": (0.8, 1.4), "kick_start_hz": (110, 180), "snare_crack": (0.1, 0.35),
        "snare_decay_s": (0.05, 0.11), "hat_metal": (0.0, 0.35), "hat_low_hz": (4000, 5800), "hat_level": (1.0, 1.5),
        "dark_hz": (5500, 9500), "hold": [1, 1, 2], "bits": [0.0, 8.0, 10.0], "room_level": (0.15, 0.4),
    },
    "drill": {
        "kick_decay_s": (0.06, 0.1), "kick_click": (0.6, 1.0), "kick_drive": (2.0, 3.6), "snare_hz": (200, 280),
        "snare_body": (0.3, 0.5), "snare_decay_s": (0.05, 0.09), "snare_clap": [0.0, 0.4, 0.7],
        "hat_metal": (0.5, 1.0), "hat_low_hz": (6000, 8500), "hat_decay_s": (0.01, 0.02),
    },
    "phonk": {
        "kick_drive": (2.6, 5.0), "snare_clap": [0.6, 1.0], "snare_body": (0.3, 0.5), "hat_metal": (0.3, 0.8),
        "kick_level": (0.68, 0.86),
        "dark_hz": (8000, 13_000), "hold": [1, 2], "bits": [0.0, 8.0], "hat_hz": (380, 560),
    },
    "dubstep": _HEAVY,
    "riddim": {**_HEAVY, "snare_decay_s": (0.07, 0.13), "snare_hz": (190, 240), "room_s": (0.2, 0.5)},
    "brostep": {**_HEAVY, "kick_drive": (2.4, 4.5), "snare_decay_s": (0.12, 0.24), "hat_level": (1.0, 1.4)},
    "house": {
        "kick_decay_s": (0.13, 0.21), "kick_drive": (1.4, 2.8), "clap_decay_s": (0.09, 0.18), "hat_metal": (0.4, 0.9),
        "open_decay_s": (0.08, 0.15), "room_level": (0.15, 0.35), "kick_level": (0.6, 0.78),
    },
    "ambient": {"dark_hz": (6000, 11_000), "room_s": (0.7, 1.4), "room_level": (0.4, 0.8), "kick_click": (0.1, 0.4)},
}  # fmt: skip

_BASS: Ranges = {
    "kind": ["sine"], "drive": (1.0, 1.6), "decay_s": (0.6, 1.4), "low_hz": (120, 220), "high_hz": (900, 2000),
    "q": (0.8, 1.6), "detune_cents": [0.0], "ratio": [1], "index": (1.0, 2.0), "octave": [0], "sub": (0.5, 0.8),
    "width": [0.0], "tone_hz": (3000, 6000),
}  # fmt: skip
_GUITAR: Ranges = {"kind": ["guitar"], "decay_s": (0.3, 0.7), "low_hz": (180, 320), "high_hz": (900, 2400),
                   "drive": (1.0, 2.2)}  # fmt: skip
_808: Ranges = {"kind": ["808"], "drive": (2.2, 6.0), "decay_s": (0.5, 1.2), "tone_hz": (1200, 5000)}
_WOBBLE: Ranges = {
    "drive": (1.6, 3.5), "decay_s": (0.5, 1.2), "low_hz": (140, 260), "high_hz": (2200, 4800), "q": (1.2, 3.5),
    "octave": [1], "sub": [0.0], "width": (0.15, 0.4), "tone_hz": (5000, 9000),
}  # fmt: skip
_REESE: Ranges = {**_WOBBLE, "kind": ["reese"], "detune_cents": (14, 34), "octave": [0, 1, 1]}
_SQUARE: Ranges = {**_WOBBLE, "kind": ["square"], "detune_cents": [0.0, 0.0, 12.0]}
_FM: Ranges = {**_WOBBLE, "kind": ["fm"], "ratio": [1, 2, 3], "index": (2.4, 5.5), "high_hz": (2800, 6000)}
_VOWEL: Ranges = {**_WOBBLE, "kind": ["wavetable"], "detune_cents": [0.0, 10.0, 18.0], "high_hz": (3000, 6500)}
_HARD: Ranges = {"drive": (3.0, 7.0), "q": (1.5, 5.0), "tone_hz": (6500, 11_000), "index": (3.5, 8.0)}
_BASSES: dict[str, Sequence[Ranges]] = {
    "boom bap": (_GUITAR, _GUITAR, {}),
    "trap": (_808,),
    "lo-fi": (_GUITAR, {**_GUITAR, "high_hz": (500, 1000)}, {}),
    "drill": ({**_808, "drive": (2.5, 7.0)},),
    "phonk": ({**_808, "drive": (5.0, 14.0), "tone_hz": (2500, 7000)},),
    "dubstep": (_REESE, _SQUARE, _FM, _VOWEL),
    "riddim": tuple({**kind, **_HARD, "low_hz": (180, 320)} for kind in (_SQUARE, _FM, _VOWEL)),
    "brostep": tuple({**kind, **_HARD, "width": (0.25, 0.5)} for kind in (_FM, _FM, _VOWEL, _VOWEL, _REESE)),
    "house": tuple(
        {**kind, "octave": [0], "high_hz": (900, 2400), "sub": (0.6, 1.0)} for kind in (_SQUARE, _FM, _REESE)
    ),
    "ambient": ({}, {**_REESE, "octave": [0], "high_hz": (400, 900), "sub": (0.8, 1.2)}),
}

_VOICE: Ranges = {
    "kind": ["fm"], "attack_s": (0.002, 0.006), "decay_s": (0.7, 1.4), "release_s": (0.12, 0.3), "low_hz": (300, 700),
    "high_hz": (2500, 7000), "filter_s": (0.12, 0.35), "detune_cents": (5, 12), "ratio": [1.0], "index": (0.8, 2.4),
    "octave": [0], "wow_hz": [0.0], "wow_cents": [0.0], "width": (0.15, 0.35), "tone_hz": (7000, 13_000), "hold": [1],
    "bits": [0.0], "level": (0.85, 1.15), "send": (0.1, 0.35),
}  # fmt: skip
_EPIANO: Ranges = {}
_PIANO: Ranges = {"kind": ["string"], "decay_s": (0.5, 1.1), "filter_s": (0.15, 0.4), "detune_cents": (2, 6)}
_ORGAN: Ranges = {"kind": ["organ"], "decay_s": [0.0], "release_s": (0.05, 0.1)}
_BELL: Ranges = {"kind": ["fm"], "ratio": [2.0, 3.5, 1.41], "index": (1.0, 3.0), "decay_s": (0.3, 0.8),
                 "send": (0.3, 0.5), "level": (1.4, 1.9)}  # fmt: skip
_STAB: Ranges = {"kind": ["saws"], "decay_s": (0.25, 0.6), "filter_s": (0.1, 0.25), "detune_cents": (8, 20)}
_SUPERSAW: Ranges = {
    "kind": ["saws"], "attack_s": (0.01, 0.04), "decay_s": [0.0], "release_s": (0.2, 0.5), "filter_s": [0.0],
    "detune_cents": (12, 28), "low_hz": (900, 1800), "high_hz": (4000, 9000),
}  # fmt: skip
_PAD: Ranges = {
    "kind": ["saws"], "attack_s": (0.15, 0.5), "decay_s": [0.0], "release_s": (0.3, 0.8), "filter_s": [0.0],
    "detune_cents": (10, 22), "low_hz": (400, 900), "high_hz": (1500, 4500), "send": (0.3, 0.6),
}  # fmt: skip
_CLOUD: Ranges = {**_PAD, "kind": ["cloud"], "detune_cents": (12, 30)}
_PLUCK: Ranges = {"kind": ["saws"], "decay_s": (0.15, 0.35), "release_s": (0.08, 0.2), "filter_s": (0.05, 0.14),
                  "low_hz": (300, 600), "high_hz": (3500, 8000), "send": (0.25, 0.5), "level": (1.4, 1.9)}  # fmt: skip
_STRING: Ranges = {**_PLUCK, "kind": ["string"], "decay_s": (0.25, 0.5)}
_LEAD: Ranges = {"kind": ["square", "saws"], "attack_s": (0.004, 0.015), "decay_s": [0.0], "filter_s": (0.3, 0.7),
                 "low_hz": (1200, 2200), "high_hz": (4000, 9000), "send": (0.2, 0.45), "level": (1.3, 1.7)}  # fmt: skip
_COWBELL: Ranges = {"kind": ["cowbell"], "decay_s": (0.1, 0.22), "release_s": (0.06, 0.12), "high_hz": (4500, 8500),
                    "level": (2.0, 2.8)}  # fmt: skip
_WORN: Ranges = {"wow_hz": (0.4, 0.9), "wow_cents": (6, 22), "tone_hz": (2600, 5500), "bits": [0.0, 0.0, 9.0]}
_DUSTY: Ranges = {"wow_hz": (0.4, 0.8), "wow_cents": (0.0, 9.0), "tone_hz": (4000, 8500), "bits": [0.0, 10.0],
                  "hold": [1, 1, 2]}  # fmt: skip
_PARTS: dict[str, Sequence[Ranges]] = {
    "chords": (_EPIANO, _STAB, _PIANO), "pad": (_PAD, _CLOUD), "pluck": (_PLUCK, _STRING), "arp": (_PLUCK, _BELL),
    "keys": (_EPIANO, _PIANO), "lead": (_LEAD,),
}  # fmt: skip
_STYLE_PARTS: dict[str, dict[str, Sequence[Ranges]]] = {
    "boom bap": {"chords": (_EPIANO, _PIANO, _ORGAN), "pluck": (_STRING,)},
    "lo-fi": {"chords": (_EPIANO, _EPIANO, _PIANO), "pluck": (_STRING,), "lead": (_BELL, _LEAD)},
    "trap": {"chords": (_CLOUD, _EPIANO), "pluck": (_BELL, _PLUCK, _STRING), "arp": (_BELL, _PLUCK)},
    "drill": {"chords": (_CLOUD, _PIANO), "keys": (_PIANO,), "pluck": (_STRING, _BELL)},
    "phonk": {"lead": (_COWBELL,), "pluck": (_COWBELL, _STRING), "chords": (_CLOUD, _STAB)},
    "dubstep": {"chords": (_STAB, _CLOUD)},
    "riddim": {"chords": (_STAB,), "lead": (_LEAD,)},
    "brostep": {"chords": (_SUPERSAW, _STAB), "pad": (_SUPERSAW, _PAD)},
    "house": {"chords": (_STAB, _ORGAN, _EPIANO), "keys": (_PIANO, _ORGAN)},
    "ambient": {"chords": (_CLOUD, _PAD), "keys": (_BELL, _EPIANO), "pluck": (_BELL, _STRING)},
}
_WEAR: dict[str, Ranges] = {"lo-fi": _WORN, "boom bap": _DUSTY, "phonk": {**_DUSTY, "wow_cents": [0.0]}}

_TRANSITIONS: Ranges = {
    "tone_hz": (160, 330), "octaves": (1.0, 2.5), "tone": (0.1, 0.6), "boom_hz": (32, 48), "clicks_per_s": (6, 20),
    "crackle": (0.05, 0.12),
}  # fmt: skip
_MIX: Ranges = {
    "drums": [1.2], "bass": (0.48, 0.62), "other": (1.0, 1.25), "duck_bass": (0.3, 0.6), "duck_other": (0.1, 0.3),
    "duck_s": (0.09, 0.18), "drive": (0.7, 1.3), "hat_pan": (-0.25, 0.25), "reverb_s": (1.2, 2.4),
    "dark_hz": (3000, 6500), "reverb": (0.6, 1.1),
}  # fmt: skip
_PUMPING: Ranges = {"duck_bass": (0.6, 0.9), "duck_other": (0.4, 0.75), "duck_s": (0.14, 0.24)}
_MIXES: dict[str, Ranges] = {
    "boom bap": {"reverb_s": (0.8, 1.6), "reverb": (0.4, 0.8), "bass": (0.6, 0.78), "other": (0.68, 0.9)},
    "lo-fi": {"duck_other": (0.2, 0.5), "other": (1.0, 1.3), "bass": (0.7, 0.9)},
    "trap": {"drive": (0.9, 1.6), "bass": (0.42, 0.54), "other": (0.75, 1.0)},
    "drill": {"drive": (0.9, 1.6), "bass": (0.42, 0.54), "other": (0.75, 1.0)},
    "phonk": {"drive": (1.4, 2.4), "bass": (0.42, 0.54), "other": (0.9, 1.15)},
    "dubstep": {**_PUMPING, "drums": [1.4], "bass": (0.6, 0.78), "other": (1.6, 2.0), "drive": (0.9, 1.6)},
    "riddim": {**_PUMPING, "drums": [1.4], "bass": (0.6, 0.78), "other": (1.8, 2.3), "drive": (1.1, 1.9)},
    "brostep": {**_PUMPING, "drums": [1.4], "bass": (0.62, 0.8), "other": (1.6, 2.0), "drive": (1.2, 2.0)},
    "house": {**_PUMPING, "drums": [1.4], "bass": (0.6, 0.8), "other": (0.45, 0.62)},
    "ambient": {"bass": (0.9, 1.2), "reverb_s": (3.0, 5.0), "reverb": (1.2, 2.0), "drive": (0.4, 0.8)},
}


def draw(rng: np.random.Generator, style: str) -> Sound:
    """Draw a producer's template for a sub-genre.

    Raises:
        KeyError: the style is not one that the tables know.
    """
    kit, mix = {**_KIT, **_KITS[style]}, {**_MIX, **_MIXES.get(style, {})}
    kinds = _BASSES[style]
    bass = {**_BASS, **kinds[int(rng.integers(len(kinds)))]}
    return Sound(
        seed=_seed(rng),
        kit=Kit(seed=_seed(rng), **_pick(rng, kit)),
        bass=Bass(seed=_seed(rng), **_pick(rng, bass)),
        voices=Voices(**{part: _voice(rng, style, part) for part in _PARTS}),
        transitions=Transitions(seed=_seed(rng), **_pick(rng, _TRANSITIONS)),
        mix=Mix(**_pick(rng, mix)),
        shots={},
    )


def _voice(rng: np.random.Generator, style: str, part: str) -> Voice:
    kinds = _STYLE_PARTS[style].get(part, _PARTS[part])
    kind = kinds[int(rng.integers(len(kinds)))]
    return Voice(seed=_seed(rng), **_pick(rng, {**_VOICE, **kind, **_WEAR.get(style, {})}))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _pick(rng: np.random.Generator, ranges: Ranges) -> dict[str, Any]:
    return {name: _one(rng, allowed) for name, allowed in ranges.items()}


def _one(rng: np.random.Generator, allowed: Range) -> Any:
    if isinstance(allowed, list):
        return allowed[int(rng.integers(len(allowed)))]
    low, high = allowed
    if low > 0:
        return float(low * (high / low) ** rng.random())
    return float(low + (high - low) * rng.random())
