"""Drum, bass and melodic voices of the synthesiser: plain functions from parameters to mono float32 [S].

Every voice takes its random generator as an argument and touches nothing else, so that a track is
fixed by its seed. Sound design is textbook: swept sines for kicks and 808s, band-passed noise for
snares and hats, detuned saws through a moving low-pass for wobble bass, two-operator FM for growls.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

SAMPLE_RATE = 32_000
Wave = NDArray[np.float32]
Rng = np.random.Generator

_CUTOFFS_HZ = (110.0, 260.0, 620.0, 1500.0, 3600.0, 8600.0)


def midi_hz(note: float) -> float:
    """Frequency of a MIDI note number, A4 = 69 = 440 Hz."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def decay(length: int, seconds: float) -> Wave:
    """Exponential envelope [length] that falls to 1/e after `seconds`."""
    return np.exp(-np.arange(length) / (seconds * SAMPLE_RATE)).astype(np.float32)


def fade(wave: Wave, attack_s: float = 0.002, release_s: float = 0.008) -> Wave:
    """Short linear fades at both ends, so that no note clicks."""
    out = wave.copy()
    for seconds, ramp in ((attack_s, slice(None)), (release_s, slice(None, None, -1))):
        n = min(len(out), max(1, int(seconds * SAMPLE_RATE)))
        view = out[ramp]
        view[:n] *= np.linspace(0, 1, n, dtype=np.float32)
    return out


@lru_cache(maxsize=64)
def _filter(kind: str, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    edges = {"low": high_hz, "high": low_hz, "band": [low_hz, high_hz]}[kind]
    return np.asarray(butter(2, edges, kind, fs=SAMPLE_RATE, output="sos"))


def band(wave: Wave, low_hz: float, high_hz: float) -> Wave:
    """Second-order band-pass."""
    return sosfilt(_filter("band", low_hz, high_hz), wave).astype(np.float32)


def low_pass(wave: Wave, cutoff_hz: float) -> Wave:
    """Second-order low-pass."""
    return sosfilt(_filter("low", 0.0, cutoff_hz), wave).astype(np.float32)


def high_pass(wave: Wave, cutoff_hz: float) -> Wave:
    """Second-order high-pass."""
    return sosfilt(_filter("high", cutoff_hz, 0.0), wave).astype(np.float32)


def moving_low_pass(wave: Wave, position: Wave) -> Wave:
    """Low-pass whose cutoff follows `position` [S] in 0..1 (110 Hz .. 8.6 kHz, logarithmic).

    Crossfades a bank of fixed filters, which is several times faster than a filter whose
    coefficients change by the sample, and cannot become unstable.
    """
    where = np.clip(position, 0, 1) * (len(_CUTOFFS_HZ) - 1)
    out = np.zeros_like(wave)
    for i, cutoff_hz in enumerate(_CUTOFFS_HZ):
        weight = np.clip(1 - np.abs(where - i), 0, 1).astype(np.float32)
        if weight.any():
            out += weight * low_pass(wave, cutoff_hz)
    return out


def saw(hz: float | Wave, length: int, phase: float = 0.0) -> Wave:
    """Sawtooth; aliasing stays low because the bass and pads that use it are low-passed."""
    cycles = np.cumsum(np.broadcast_to(np.asarray(hz, np.float64), length)) / SAMPLE_RATE + phase
    return (2 * (cycles % 1) - 1).astype(np.float32)


def sine(hz: float | Wave, length: int) -> Wave:
    """Sine with a frequency that may change by the sample."""
    cycles = np.cumsum(np.broadcast_to(np.asarray(hz, np.float64), length)) / SAMPLE_RATE
    return np.sin(2 * np.pi * cycles).astype(np.float32)


def noise(rng: Rng, length: int) -> Wave:
    """White noise of unit variance."""
    return rng.standard_normal(length).astype(np.float32)


# ---------------------------------------------------------------- drums


def kick(rng: Rng) -> Wave:
    """Sine swept from about 180 Hz to about 48 Hz, with a click."""
    n = int(0.32 * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    end, start, speed = rng.uniform(44, 56), rng.uniform(140, 230), rng.uniform(28, 45)
    body = np.sin(2 * np.pi * (end * t + (start - end) / speed * (1 - np.exp(-speed * t))))
    body = body * decay(n, rng.uniform(0.08, 0.13))
    click = high_pass(noise(rng, n), 1500) * decay(n, 0.004)
    return fade(np.tanh(1.6 * body + 0.35 * click).astype(np.float32), 0.0005)


def snare(rng: Rng) -> Wave:
    """Two tuned modes under band-passed noise."""
    n = int(0.26 * SAMPLE_RATE)
    tone = sine(rng.uniform(175, 230), n) + 0.5 * sine(rng.uniform(320, 370), n)
    rattle = band(noise(rng, n), 1400, 9500) * decay(n, rng.uniform(0.05, 0.09))
    return fade(0.45 * tone * decay(n, 0.05) + 0.9 * rattle, 0.0005)


def clap(rng: Rng) -> Wave:
    """Three bursts of noise and a tail."""
    n = int(0.26 * SAMPLE_RATE)
    burst = np.zeros(n, np.float32)
    for delay_s in (0.0, 0.011, 0.022):
        i = int(delay_s * SAMPLE_RATE)
        burst[i:] += decay(n - i, 0.006)
    burst += 0.5 * decay(n, 0.07)
    return fade(band(noise(rng, n), 900, 5200) * burst, 0.0005)


def hat(rng: Rng, is_open: bool = False) -> Wave:
    """High-passed noise; open hats ring ten times longer."""
    n = int((0.3 if is_open else 0.07) * SAMPLE_RATE)
    ring = 0.09 if is_open else rng.uniform(0.012, 0.02)
    return fade(band(noise(rng, n), 6500, 15000) * decay(n, ring), 0.0005)


# ---------------------------------------------------------------- bass


def bass_808(note: float, length: int, glide: float = 0.0, drive: float = 2.0) -> Wave:
    """Long driven sine; over its last third it slides by `glide` semitones."""
    pitch = np.full(length, note, np.float64)
    if glide:
        n = length // 3
        pitch[-n:] += np.linspace(0, glide, n)
    tone = sine((440.0 * 2 ** ((pitch - 69) / 12)).astype(np.float32), length)
    return fade(np.tanh(drive * tone * decay(length, 0.45)).astype(np.float32), 0.003, 0.02)


def bass_round(note: float, length: int) -> Wave:
    """Plucked bass guitar-like tone: four decaying harmonics."""
    out = np.zeros(length, np.float32)
    for k, gain in enumerate((1.0, 0.45, 0.22, 0.12), start=1):
        out += gain * sine(k * midi_hz(note), length) * decay(length, 0.35 / k)
    return fade(out, 0.004, 0.015)


def bass_wobble(rng: Rng, note: float, length: int, rate_hz: float, growl: float) -> Wave:
    """Detuned saws and an FM growl through a low-pass swept at `rate_hz`; the sub stays steady."""
    t = np.arange(length) / SAMPLE_RATE
    lfo = (0.5 - 0.5 * np.cos(2 * np.pi * rate_hz * t)).astype(np.float32)
    hz = midi_hz(note)
    saws = saw(2 * hz, length) + saw(2 * hz * 1.007, length, 0.33) + saw(hz, length, 0.1)
    index = 1 + 5 * lfo
    fm = np.sin(2 * np.pi * 2 * hz * t + index * np.sin(2 * np.pi * 4 * hz * t))
    voice = (1 - growl) * 0.4 * saws + growl * fm.astype(np.float32)
    mid = np.tanh(2.2 * moving_low_pass(voice, 0.12 + 0.75 * lfo**1.5))
    air = high_pass(noise(rng, length), 3000) * lfo * 0.02
    return fade((0.75 * mid + air + 0.5 * sine(hz, length)).astype(np.float32), 0.004, 0.012)


# ---------------------------------------------------------------- everything else


def keys(note: float, length: int, brightness: float) -> Wave:
    """Electric-piano-like two-operator FM."""
    t = np.arange(length) / SAMPLE_RATE
    hz = midi_hz(note)
    index = brightness * decay(length, 0.18)
    tone = np.sin(2 * np.pi * hz * t + index * np.sin(4 * np.pi * hz * t))
    return fade(tone.astype(np.float32) * decay(length, 0.5), 0.004, 0.03)


def pluck(note: float, length: int) -> Wave:
    """Bright decaying saw."""
    voice = saw(midi_hz(note), length) + 0.6 * saw(midi_hz(note) * 1.005, length, 0.4)
    return fade(moving_low_pass(voice, 0.35 + 0.55 * decay(length, 0.12)) * decay(length, 0.25))


def pad(note: float, length: int, openness: float) -> Wave:
    """Three detuned saws behind a slow low-pass."""
    hz = midi_hz(note)
    voice = sum(saw(hz * d, length, p) for d, p in ((0.995, 0.0), (1.0, 0.3), (1.006, 0.7)))
    slow = np.linspace(openness * 0.7, openness, length, dtype=np.float32)
    return fade(moving_low_pass(np.asarray(voice, np.float32), slow) * 0.35, 0.12, 0.12)


def cowbell(note: float, length: int) -> Wave:
    """Two square-ish tones a fifth apart: the lead of phonk."""
    hz = midi_hz(note)
    tone = np.tanh(3 * sine(hz, length)) + np.tanh(3 * sine(hz * 1.48, length))
    return fade(band(tone.astype(np.float32), 400, 6000) * decay(length, 0.12))


def riser(rng: Rng, length: int) -> Wave:
    """Noise whose filter opens and a tone that climbs two octaves."""
    p = np.linspace(0, 1, length, dtype=np.float32)
    sweep = moving_low_pass(high_pass(noise(rng, length), 300), 0.3 + 0.7 * p)
    return fade((0.5 * sweep + 0.3 * sine(220 * 4**p, length)) * p**1.5)


def crackle(rng: Rng, length: int) -> Wave:
    """Vinyl: sparse clicks over a little hiss."""
    clicks = noise(rng, length) * (rng.random(length) < 6 / SAMPLE_RATE)
    return band((clicks * 2 + 0.01 * noise(rng, length)).astype(np.float32), 600, 9000)
