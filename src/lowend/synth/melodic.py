"""Notes that are neither drums nor bass: electric piano, bells, organ, saws, squares, cowbells and soft clouds.

Chords come as one event a note. Every voice is stereo and rings on after its key is let go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft

from lowend.seeds import rng
from lowend.synth import dsp
from lowend.synth.dsp import SAMPLE_RATE, Phase, Wave, decay, fade, play, samples, sine, to_level
from lowend.synth.effects import crush, widen, wow
from lowend.synth.events import Event

_FRAMES = 16
_LEVEL = 0.2  # RMS of a note's loudest 50 ms, so that four of them make a chord
_LOOP = 65_536  # samples of a cloud before it repeats
_SWAY_HZ = 0.45  # of a held filter, at most


@dataclass(frozen=True, slots=True)
class Voice:
    """A melodic patch; fields that a kind has no use for are ignored by it."""

    kind: str  # one of KINDS
    seed: int
    attack_s: float
    decay_s: float  # to 1/e; 0 holds the note
    release_s: float
    low_hz: float  # cutoff at rest
    high_hz: float  # cutoff when struck
    filter_s: float  # in which the cutoff falls; 0: it sways slowly instead
    detune_cents: float
    ratio: float  # FM modulator to carrier
    index: float  # FM depth when struck
    octave: int
    wow_hz: float = 0.0
    wow_cents: float = 0.0
    width: float = 0.3
    tone_hz: float = 12_000.0  # low-pass over all
    hold: int = 1  # see `crush`
    bits: float = 0.0
    level: float = 1.0
    send: float = 0.3  # to the long reverb


@dataclass(frozen=True, slots=True)
class Voices:
    """Who plays each part of the stem "other"."""

    chords: Voice
    pad: Voice
    pluck: Voice
    arp: Voice
    keys: Voice
    lead: Voice


def note(voice: Voice, event: Event) -> Wave:
    """A note [2, S] with its release."""
    held = samples(event.length_s)
    length = held + samples(voice.release_s)
    tone = _KINDS[voice.kind](voice, event, length)
    shape = decay(length, voice.decay_s) if voice.decay_s else np.ones(length, np.float32)
    attack = min(samples(voice.attack_s), held)
    shape[:attack] *= np.sin(np.linspace(0, np.pi / 2, attack, dtype=np.float32)) ** 2
    shape[held:] *= decay(length - held, voice.release_s / 4)
    tone = crush(dsp.to_peak(dsp.low_pass(tone * shape, voice.tone_hz)), voice.hold, voice.bits)
    wide = _narrow(tone, min(1.0, 1.5 * voice.width)) if tone.ndim == 2 else widen(tone, voice.width)
    return to_level(fade(wide, 0.001, 0.01), _LEVEL * voice.level)


def _narrow(wave: Wave, width: float) -> Wave:
    """Bring the sides of [2, S] together: 1 leaves them, 0 makes mono."""
    middle = wave.mean(0)
    return middle + np.float32(width) * (wave - middle)


def _hz(voice: Voice, event: Event) -> float:
    return dsp.midi_hz(event.pitch + 12 * voice.octave)


def _phase(voice: Voice, event: Event, length: int, factor: float = 1.0, start: float = 0.0) -> Phase:
    """Phase of the note, or of a multiple of it, with its glide and the record's wow."""
    if not (event.glide or voice.wow_cents):
        return dsp.steady(_hz(voice, event) * factor, length, start)
    if not event.glide:
        return dsp.wrap(_worn(length, voice.wow_hz, voice.wow_cents) * (_hz(voice, event) * factor) + start)
    hz = factor * dsp.slide(event.pitch + 12 * voice.octave, event.glide, length)
    return dsp.moving(hz * wow(length, voice.wow_hz, voice.wow_cents), start)


@lru_cache(maxsize=4)
def _worn(length: int, wow_hz: float, wow_cents: float) -> NDArray[np.float64]:
    """Seconds [length] as a record tells them; all notes of a chord share them."""
    turns = wow(length, wow_hz, wow_cents).cumsum(dtype=np.float64) / SAMPLE_RATE
    turns.flags.writeable = False
    return turns


def _where(voice: Voice, event: Event, length: int) -> Wave:
    """Position 0..1 of the filter: an LFO if the event has one, else falling from the stroke or swaying."""
    if event.lfo_hz:
        return dsp.lfo(event.lfo_shape, event.lfo_hz, length)
    if voice.filter_s:
        return decay(length, voice.filter_s)
    rate = _SWAY_HZ * (0.3 + 0.7 * rng("sway", voice.seed).random())
    return 0.25 + 0.6 * dsp.lfo("sine", rate, length)


def _fm(voice: Voice, event: Event, length: int) -> Wave:
    """Two operators: an electric piano at small ratios, a bell at crooked ones."""
    index = voice.index * (0.12 + 0.88 * decay(length, voice.filter_s or 0.3))
    turn = index * sine(_phase(voice, event, length, voice.ratio)) * np.float32(2**32 / (2 * np.pi))
    body = sine(_phase(voice, event, length) + turn.astype(np.int64).astype(np.uint32))
    high = 14.0 if voice.ratio < 2 else 2 * voice.ratio
    if high * _hz(voice, event) > dsp.HIGHEST_HZ:
        return body
    tine = sine(_phase(voice, event, length, high)) * decay(length, 0.035)
    return body + np.float32(0.14) * tine


def _organ(voice: Voice, event: Event, length: int) -> Wave:
    """Drawbars, with a click of the key."""
    bars = rng("drawbars", voice.seed).uniform(0.1, 1.0, 5)
    spectrum = np.zeros((1, 8), np.complex64)
    spectrum[0, [0, 1, 2, 3, 5]] = -1j * bars * (1, 0.8, 0.6, 0.4, 0.3)
    return play(dsp.table(spectrum), _phase(voice, event, length))


def _filtered(voice: Voice, event: Event, shape: Callable[[NDArray[np.float32]], NDArray[np.complex64]]) -> Wave:
    """Frames of a wave through the voice's low-pass, from rest to struck."""
    hz = _hz(voice, event)
    k = dsp.partials(hz)
    cutoffs = dsp.sweep(voice.low_hz, voice.high_hz, _FRAMES)
    return dsp.table(np.asarray(shape(k)[None, :] * dsp.resonance(k * np.float32(hz), cutoffs, 1.1), np.complex64))


def _saws(voice: Voice, event: Event, length: int) -> Wave:
    """Three detuned saws to each side [2, S]."""
    frames = _filtered(voice, event, lambda k: np.asarray(-1j / k, np.complex64))
    where = _where(voice, event, length)
    out = np.zeros((2, length), np.float32)
    spread = voice.detune_cents / 1200
    for i, place in enumerate((-1.0, -0.61, -0.13, 0.17, 0.57, 1.0)):
        out[i % 2] += play(frames, _phase(voice, event, length, 2 ** (spread * place), (0.381 * i) % 1), where)
    return out


def _square(voice: Voice, event: Event, length: int) -> Wave:
    """Two pulses, a little apart."""
    frames = _filtered(voice, event, lambda k: np.asarray(np.sin(np.pi * k * 0.5) / k + 0j, np.complex64))
    where = _where(voice, event, length)
    apart = 2 ** (voice.detune_cents / 1200)
    return play(frames, _phase(voice, event, length), where) + 0.6 * play(
        frames, _phase(voice, event, length, apart, 0.4), where
    )


def _cowbell(voice: Voice, event: Event, length: int) -> Wave:
    """Two squares a crooked fifth apart, as in an old drum machine, driven."""
    pair = dsp.square(_phase(voice, event, length)) + dsp.square(_phase(voice, event, length, 1.48))
    struck = pair * (0.35 + 0.65 * decay(length, 0.025))
    return dsp.drive(dsp.band(struck, min(0.8 * _hz(voice, event), 0.5 * voice.high_hz), voice.high_hz), 1.8)


def _string(voice: Voice, event: Event, length: int) -> Wave:
    """Struck or plucked string: partials in the ratios of a hammer's place, a touch sharp, the upper ones brief."""
    hammer = 0.12 + 0.2 * rng("hammer", voice.seed).random()
    frames = _filtered(voice, event, lambda k: np.asarray(-1j * np.sin(np.pi * k * hammer) / k, np.complex64))
    where = _where(voice, event, length)
    apart = 2 ** (voice.detune_cents / 1200)
    return play(frames, _phase(voice, event, length), where) + 0.7 * play(
        frames, _phase(voice, event, length, apart, 0.25), where
    )


def _cloud(voice: Voice, event: Event, length: int) -> Wave:
    """Partials smeared over a few cents with chance phases [2, S]: a choir or string section, dark then open."""
    dice, hz = rng("cloud", voice.seed), _hz(voice, event)
    k = dsp.partials(hz, 8000.0)
    centre = k * hz * _LOOP / SAMPLE_RATE
    spectrum = np.zeros((2, 2, _LOOP // 2 + 1), np.complex64)  # dark and open, left and right
    for smear in np.linspace(-1, 1, 7):
        bins = np.round(centre * 2 ** (smear * voice.detune_cents / 1200)).astype(int)
        turns = np.exp(2j * np.pi * dice.random((2, len(k)))) * np.exp(-2 * smear**2)
        spectrum[:, :, bins] += turns[None] / k**0.9
    for tone, cutoff_hz in zip(spectrum, (voice.low_hz, voice.high_hz), strict=True):
        bin_hz = np.arange(tone.shape[1], dtype=np.float32) * np.float32(SAMPLE_RATE / _LOOP)
        tone /= np.sqrt(1 + (bin_hz / np.float32(cutoff_hz)) ** 4)
    dark, bright = irfft(spectrum, _LOOP, axis=2)
    turn = np.arange(length) % _LOOP
    where = _where(voice, event, length)
    return np.asarray(dark[:, turn] + where * (bright - dark)[:, turn], np.float32)


_KINDS: dict[str, Callable[[Voice, Event, int], Wave]] = {
    "fm": _fm, "organ": _organ, "saws": _saws, "square": _square, "cowbell": _cowbell, "string": _string,
    "cloud": _cloud,
}  # fmt: skip
KINDS = tuple(_KINDS)
