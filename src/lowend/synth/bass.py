"""Bass notes: 808 and sub, a plucked guitar, and the basses that a filter moves (reese, FM, wavetable, square).

A moving bass is one table whose frames run from the closed filter to the open one, together with whatever
else opens with it (FM index, vowel), and the LFO of the event or the note's own envelope walks through it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowend.seeds import rng
from lowend.synth import dsp
from lowend.synth.dsp import TABLE, Wave, decay, drive, fade, high_pass, low_pass, play, samples, sine, to_level
from lowend.synth.effects import widen
from lowend.synth.events import Event

KINDS = ("808", "sine", "guitar", "reese", "fm", "wavetable", "square")
_FRAMES = 32
_HIGHEST_HZ = 9000.0  # of partials before the drive, which adds its own
_LEVEL = 0.42  # RMS of a note's loudest 50 ms
# Formants in Hz, dark to bright.
_VOWELS = ((320, 800), (500, 1050), (760, 1250), (560, 1750), (420, 2300), (300, 2700))
_CLOSED, _BREATH = 0.12, 0.06  # gain of a wobble at its lowest, and of the noise in it at its highest
_MIDS_HZ = 85.0  # what moves lies above this, the sub below


@dataclass(frozen=True, slots=True)
class Bass:
    """A bass patch. Cutoffs are of the filter when the LFO is at its lowest and highest."""

    seed: int  # of a wavetable's shape
    kind: str  # one of KINDS
    drive: float  # 1: hardly any
    decay_s: float  # of a note that no LFO moves
    low_hz: float
    high_hz: float
    q: float  # 0.7 flat .. 8 whistling
    detune_cents: float  # between the outer of three voices; 0: one voice
    ratio: int  # of FM's modulator to the carrier
    index: float  # of FM when open
    octave: int  # of the moving part above the note
    sub: float  # level of the sine below the moving part, against 1
    width: float  # of the mids; 0 is mono
    tone_hz: float  # low-pass after the drive


def note(patch: Bass, event: Event) -> Wave:
    """A bass note: [S] in the centre for the sub, the sine, the 808 and the guitar, else [2, S] with mono lows."""
    length = samples(event.length_s)
    if event.part == "sub" or patch.kind == "sine":
        tone = sine(_phase(event, length, 0.0))
        return to_level(fade(tone, 0.006, 0.02), 0.8 * _LEVEL)
    if patch.kind == "808":
        return to_level(_eight(patch, event, length), _LEVEL)
    if patch.kind == "guitar":
        return to_level(_guitar(patch, event, length), 0.9 * _LEVEL)
    low = np.float32(patch.sub * 2**0.5) * sine(_phase(event, length, 0.0))
    mid = high_pass(to_level(_moving(patch, event, length), 1.0), _MIDS_HZ)
    return fade(to_level(widen(mid, patch.width) + low, _LEVEL), 0.003, 0.012)


def _phase(event: Event, length: int, octaves: float, cents: float = 0.0, start: float = 0.0) -> dsp.Phase:
    pitch = event.pitch + 12 * octaves + cents / 100
    if event.glide:
        return dsp.moving(dsp.slide(pitch, event.glide, length), start)
    return dsp.steady(dsp.midi_hz(pitch), length, start)


def _eight(patch: Bass, event: Event, length: int) -> Wave:
    """Sine with a knock at its start, driven: the drive makes the upper partials that small speakers play."""
    hz = dsp.slide(event.pitch, event.glide, length)
    knock = 1 + 1.6 * np.exp(-np.arange(length) / samples(0.011))
    tone = sine(dsp.moving(hz * knock)) * decay(length, patch.decay_s)
    click = decay(length, 0.004) * sine(dsp.steady(900.0, length)) * np.float32(0.25)
    return fade(low_pass(drive(tone + click, patch.drive), patch.tone_hz), 0.001, 0.03)


def _guitar(patch: Bass, event: Event, length: int) -> Wave:
    """Plucked string near a third of its length, whose upper partials die first."""
    hz = dsp.midi_hz(event.pitch)
    k = dsp.partials(hz, 4000.0)
    pluck = np.sin(np.pi * k * 0.29) / k
    closing = dsp.resonance(k * np.float32(hz), dsp.sweep(patch.low_hz, patch.high_hz, _FRAMES), patch.q)
    frames = dsp.table(np.asarray(-1j * pluck * closing, np.complex64))
    tone = play(frames, _phase(event, length, 0.0), decay(length, 0.09 + 0.25 * patch.decay_s))
    return fade(drive(tone * decay(length, patch.decay_s), patch.drive), 0.003, 0.025)


def _moving(patch: Bass, event: Event, length: int) -> Wave:
    octave = dsp.midi_hz(event.pitch + 12 * patch.octave)
    frames = _table(patch, octave)
    if event.lfo_hz:
        where = dsp.lfo(event.lfo_shape, event.lfo_hz, length)
    else:
        where = 0.3 + 0.45 * decay(length, 0.35 * patch.decay_s)
    spread = (0.0,) if not patch.detune_cents else (-0.5, 0.07, 0.5)
    voices = [
        play(frames, _phase(event, length, patch.octave, patch.detune_cents * s, 0.31 * i), where)
        for i, s in enumerate(spread)
    ]
    tone = drive(sum(voices, np.zeros(length, np.float32)) / np.float32(len(voices) ** 0.5), patch.drive)
    if event.lfo_hz:  # the drive evens the loudness out, and a wobble is heard by it
        breath = high_pass(dsp.noise(rng("breath", patch.seed), length), 3500.0)
        tone = tone * (_CLOSED + (1 - _CLOSED) * where) + np.float32(_BREATH) * breath * where**2
    return low_pass(tone, patch.tone_hz)


def _table(patch: Bass, hz: float) -> Wave:
    """Frames [F, TABLE] of a patch at a pitch, from closed to open."""
    k = dsp.partials(hz, _HIGHEST_HZ)
    cutoffs = dsp.sweep(patch.low_hz, patch.high_hz, _FRAMES)
    raw = {"reese": _saw, "square": _pulse, "fm": _fm, "wavetable": _vowels}[patch.kind](patch, k, k * np.float32(hz))
    return dsp.table(np.asarray(raw * dsp.resonance(k * np.float32(hz), cutoffs, patch.q), np.complex64))


def _saw(patch: Bass, k: NDArray[np.float32], hz: NDArray[np.float32]) -> NDArray[np.complex64]:
    return np.asarray((-1j / k**0.8)[None, :], np.complex64)


def _pulse(patch: Bass, k: NDArray[np.float32], hz: NDArray[np.float32]) -> NDArray[np.complex64]:
    width = 0.5 - 0.2 * rng("pulse", patch.seed).random()
    return np.asarray((np.sin(np.pi * k * width) / k**0.8)[None, :] + 0j, np.complex64)


def _fm(patch: Bass, k: NDArray[np.float32], hz: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Partials [F, K] of a sine that another one bends, more so from frame to frame."""
    turn = 2 * np.pi * np.arange(TABLE, dtype=np.float32) / TABLE
    index = np.linspace(0.15 * patch.index, patch.index, _FRAMES, dtype=np.float32)[:, None]
    wave = np.sin(turn + index * np.sin(patch.ratio * turn) + 0.4 * index * np.sin(2 * patch.ratio * turn))
    bins = np.fft.rfft(wave, axis=1)[:, 1 : len(k) + 1] / TABLE
    return np.asarray(np.pad(bins, ((0, 0), (0, len(k) - bins.shape[1]))), np.complex64)


def _vowels(patch: Bass, k: NDArray[np.float32], hz: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Partials [F, K] of a saw that speaks: two formants walk from vowel to vowel."""
    dice = rng("vowels", patch.seed)
    path = np.sort(dice.choice(len(_VOWELS), 3, replace=False))
    path = path if dice.random() < 0.7 else path[[0, 2, 1]]
    corners = np.log([_VOWELS[i] for i in path])
    walk = np.linspace(0, 2, _FRAMES)
    out = np.full((_FRAMES, len(k)), 0.16, np.float32)
    for corner, gain in zip(corners.T, (1.0, 1.1), strict=True):
        centre = np.exp(np.interp(walk, (0, 1, 2), corner))[:, None]
        out += gain * np.exp(-((np.log2(hz[None, :] / centre) / 0.33) ** 2)).astype(np.float32)
    return np.asarray(-1j * out / k**0.6, np.complex64)
