"""What leads from one section to the next: risers, downlifters and impacts; and the crackle of a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lowend.seeds import rng
from lowend.synth import dsp
from lowend.synth.dsp import Wave, decay, fade, low_pass, noise, samples, sine, to_level
from lowend.synth.effects import vinyl, widen
from lowend.synth.events import Event

_CUTOFFS_HZ = (300.0, 700.0, 1600.0, 3700.0, 8500.0)
_TURN_S = 1.8  # of a record at 33 1/3 turns a minute
_LEVEL = 0.16  # RMS of the loudest 50 ms


@dataclass(frozen=True, slots=True)
class Transitions:
    """How a producer's risers, falls and impacts sound."""

    seed: int
    tone_hz: float  # where a riser's tone begins
    octaves: float  # that it climbs
    tone: float  # 0..1 of tone against noise
    boom_hz: float  # where an impact ends
    clicks_per_s: float
    crackle: float  # level


def transition(patch: Transitions, event: Event) -> Wave:
    """A riser, downlifter, impact or crackle of the event's length [2, S]."""
    return _VOICES[event.part](patch, samples(event.length_s))


def _swept_noise(seed: int, name: str, position: Wave) -> Wave:
    """Noise behind a low-pass whose cutoff follows `position` 0..1: a crossfade over a bank of fixed filters."""
    white = dsp.high_pass(noise(rng(name, seed), len(position)), 200)
    where = position * (len(_CUTOFFS_HZ) - 1)
    out = np.zeros_like(white)
    for i, cutoff_hz in enumerate(_CUTOFFS_HZ):
        out += np.clip(1 - np.abs(where - i), 0, 1) * low_pass(white, cutoff_hz)
    return out


def _riser(patch: Transitions, length: int) -> Wave:
    rise = np.linspace(0, 1, length, dtype=np.float32)
    hz = patch.tone_hz * 2 ** (patch.octaves * rise.astype(np.float64) ** 1.5)
    tone = sum((sine(dsp.moving(hz * factor)) for factor in (1.0, 1.007, 2.0, 3.01)), np.zeros(length, np.float32))
    out = patch.tone * 0.5 * tone + (1 - patch.tone) * 1.5 * _swept_noise(patch.seed, "riser", rise)
    return to_level(widen(fade(out * rise**1.5, 0.01, 0.01), 0.5), _LEVEL)


def _downlifter(patch: Transitions, length: int) -> Wave:
    fall = np.linspace(1, 0, length, dtype=np.float32)
    tone = sine(dsp.moving(2.0 * patch.tone_hz * 2 ** (-2.0 * (1 - fall.astype(np.float64)))))
    out = patch.tone * tone + (1 - patch.tone) * 1.5 * _swept_noise(patch.seed, "downlifter", fall)
    return to_level(widen(fade(out * fall**1.5, 0.002, 0.02), 0.5), _LEVEL)


def _impact(patch: Transitions, length: int) -> Wave:
    t = np.arange(length) / dsp.SAMPLE_RATE
    boom = sine(dsp.moving(patch.boom_hz + 110 * np.exp(-9 * t))) * decay(length, 0.35)
    dust = _swept_noise(patch.seed, "impact", decay(length, 0.25)) * decay(length, 0.3)
    return to_level(widen(fade(dsp.drive(boom + 0.5 * dust, 1.5), 0.001, 0.05), 0.4), 1.5 * _LEVEL)


def _crackle(patch: Transitions, length: int) -> Wave:
    turn = vinyl(patch.seed, _TURN_S, patch.clicks_per_s)
    groove = np.resize(turn, length) if length else turn[:0]
    return np.float32(patch.crackle) * widen(fade(groove, 0.01, 0.01), 0.3)


_VOICES: dict[str, Callable[[Transitions, int], Wave]] = {
    "riser": _riser, "downlifter": _downlifter, "impact": _impact, "crackle": _crackle,
}  # fmt: skip
