"""What every voice is made of: oscillators, envelopes, filters and LFOs on float32 arrays.

Oscillators read single-cycle tables by a 32-bit phase that wraps by itself. A table holds several frames,
from closed to open, so that a moving filter, a rising FM index or a vowel is one crossfade between two
frames: it costs two look-ups a sample, cannot become unstable and has no partial above the limit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft
from scipy.signal import butter, lfilter, sosfilt

SAMPLE_RATE = 32_000
TABLE = 4096  # samples of one cycle
HIGHEST_HZ = 13_500.0  # no oscillator has partials above this

Wave = NDArray[np.float32]
Phase = NDArray[np.uint32]
Rng = np.random.Generator

_SHIFT = np.uint32(20)  # 2**32 steps a cycle to TABLE
_SMOOTH_S = 0.003  # of an LFO's jumps, so that they do not click


def midi_hz(note: float) -> float:
    """Frequency of a MIDI note number, A4 = 69 = 440 Hz."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def samples(seconds: float) -> int:
    """Seconds to whole samples."""
    return round(seconds * SAMPLE_RATE)


# ---------------------------------------------------------------- envelopes and levels


def decay(length: int, seconds: float) -> Wave:
    """Exponential envelope [length] that falls to 1/e after `seconds`."""
    return np.exp(np.arange(length, dtype=np.float32) * np.float32(-1 / (seconds * SAMPLE_RATE)))


def fade(wave: Wave, attack_s: float, release_s: float) -> Wave:
    """A copy of [..., S] with linear fades at both ends, so that no note clicks."""
    out = wave.copy()
    for seconds, view in ((attack_s, out), (release_s, out[..., ::-1])):
        n = min(out.shape[-1], max(1, samples(seconds)))
        view[..., :n] *= np.linspace(0, 1, n, endpoint=False, dtype=np.float32)
    return out


def to_peak(wave: Wave, peak: float = 1.0) -> Wave:
    """Scale to a peak; silence stays silence."""
    return cast(Wave, wave * np.float32(peak / max(float(np.abs(wave).max(initial=0)), 1e-9)))


def to_level(wave: Wave, rms: float) -> Wave:
    """Scale [..., S] so that its loudest 50 ms have this RMS; silence stays silence."""
    power = wave * wave if wave.ndim == 1 else (wave * wave).mean(0)
    block = min(len(power), samples(0.05))
    loudest = power[: len(power) // block * block].reshape(-1, block).mean(1).max()
    return cast(Wave, wave * np.float32(rms / max(float(loudest) ** 0.5, 1e-9)))


# ---------------------------------------------------------------- filters


@lru_cache(maxsize=256)
def _design(kind: str, order: int, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    edges = {"lowpass": high_hz, "highpass": low_hz, "bandpass": [low_hz, high_hz]}[kind]
    return np.asarray(butter(order, edges, kind, fs=SAMPLE_RATE, output="sos"), np.float32)


def low_pass(wave: Wave, cutoff_hz: float, order: int = 2) -> Wave:
    """Butterworth low-pass along the last axis."""
    return cast(Wave, sosfilt(_design("lowpass", order, 0.0, min(cutoff_hz, 15_500.0)), wave))


def high_pass(wave: Wave, cutoff_hz: float, order: int = 2) -> Wave:
    """Butterworth high-pass along the last axis."""
    return cast(Wave, sosfilt(_design("highpass", order, cutoff_hz, 0.0), wave))


def band(wave: Wave, low_hz: float, high_hz: float, order: int = 2) -> Wave:
    """Butterworth band-pass along the last axis."""
    return cast(Wave, sosfilt(_design("bandpass", order, low_hz, min(high_hz, 15_500.0)), wave))


def smooth(wave: Wave, seconds: float) -> Wave:
    """One-pole smoothing that starts at the first value."""
    keep = float(np.exp(-1 / (seconds * SAMPLE_RATE)))
    forward, back, state = (np.array(v, np.float32) for v in ([1 - keep], [1, -keep], [keep * wave[0]]))
    return cast(Wave, lfilter(forward, back, wave, zi=state)[0])


def drive(wave: Wave, amount: float) -> Wave:
    """Soft clipping; `amount` 1 bends what reaches 1, 10 squares it off."""
    return cast(Wave, np.tanh(np.float32(amount) * wave) / np.float32(np.tanh(amount)))


# ---------------------------------------------------------------- sources


def noise(rng: Rng, length: int) -> Wave:
    """White noise of unit variance."""
    return rng.standard_normal(length, dtype=np.float32)


def steady(hz: float, length: int, start: float = 0.0) -> Phase:
    """Phase [length] of a constant pitch from `start` 0..1 of a cycle; 2**32 is a cycle."""
    step = np.uint32(round(hz / SAMPLE_RATE * 2**32))
    return np.arange(length, dtype=np.uint32) * step + np.uint32(int(start * 2**32) % 2**32)


def moving(hz: NDArray[np.float64], start: float = 0.0) -> Phase:
    """Phase of a pitch [S] in Hz that changes by the sample; 2**32 is a cycle."""
    cycles = np.cumsum(hz) / SAMPLE_RATE
    return wrap(cycles - cycles[0] + start)


def wrap(cycles: NDArray[np.float64]) -> Phase:
    """Cycles since the start, 0 or more, to phase; 2**32 is a cycle."""
    return ((cycles - np.floor(cycles)) * 2**32).astype(np.uint32)


def slide(note: float, semitones: float, length: int) -> NDArray[np.float64]:
    """Pitch [length] in Hz of a note that slides by `semitones` over its last third, then holds for 30 ms."""
    if not semitones:
        return np.full(length, midi_hz(note))
    hold = min(samples(0.03), length // 12)
    n = length // 3 - hold
    pitch = np.full(length, note, np.float64)
    pitch[length - hold - n : length - hold] += semitones * np.sin(np.linspace(0, np.pi / 2, n)) ** 2
    pitch[length - hold :] += semitones
    return 440.0 * 2 ** ((pitch - 69) / 12)


def table(spectrum: NDArray[np.complex64]) -> Wave:
    """Frames [F, TABLE] from partials [F, K] (1 first; a real number is a cosine, -1j a sine); loudest RMS 1."""
    bins = np.zeros((len(spectrum), TABLE // 2 + 1), np.complex64)
    kept = min(spectrum.shape[1], TABLE // 2)
    bins[:, 1 : kept + 1] = spectrum[:, :kept]
    frames = irfft(bins, TABLE, axis=1)
    loudest = float(np.sqrt((frames * frames).mean(1).max()))
    return np.asarray(frames / max(loudest, 1e-12), np.float32)


def partials(hz: float, highest_hz: float = HIGHEST_HZ) -> NDArray[np.float32]:
    """Numbers 1..K of the partials of `hz` that stay below the limit; one at least."""
    return np.arange(1, max(1, int(highest_hz / hz)) + 1, dtype=np.float32)


def play(frames: Wave, phase: Phase, position: Wave | None = None) -> Wave:
    """Read a table [F, TABLE] along `phase` [S]; `position` [S] 0..1 moves from the first frame to the last."""
    index = (phase >> _SHIFT).astype(np.intp)
    if position is None or len(frames) == 1:
        return cast(Wave, frames[0].take(index))
    where = np.clip(position, 0, 1) * np.float32(len(frames) - 1)
    frame = np.minimum(where.astype(np.intp), len(frames) - 2)
    index += frame * TABLE
    flat = frames.ravel()
    here = flat.take(index)
    return here + (where - frame).astype(np.float32) * (flat.take(index + TABLE) - here)


_SINE = np.sin(np.linspace(0, 2 * np.pi, TABLE, endpoint=False))[None].astype(np.float32)


def sine(phase: Phase) -> Wave:
    """Sine of amplitude 1 along a phase."""
    return play(_SINE, phase)


def square(phase: Phase) -> Wave:
    """Naive square of amplitude 1: for metal that is filtered and inharmonic anyway."""
    return np.where(phase >> np.uint32(31), np.float32(-1), np.float32(1))


def lfo(shape: str, hz: float, length: int) -> Wave:
    """LFO [length] in 0..1 that starts anew with its note: sine and triangle from 0, saw falls, ramp rises.

    A square is open first. Jumps are smoothed over a few milliseconds.
    """
    turn = (steady(hz, length) / np.float64(2**32)).astype(np.float32)
    if shape == "sine":
        return cast(Wave, 0.5 - 0.5 * np.cos(np.float32(2 * np.pi) * turn))
    if shape == "triangle":
        return cast(Wave, 1 - np.abs(2 * turn - 1))
    jumping = {"saw": 1 - turn, "ramp": turn, "square": (turn < 0.5).astype(np.float32)}[shape]
    return smooth(jumping, _SMOOTH_S)


def resonance(hz: NDArray[np.float32], cutoff_hz: NDArray[np.float32], q: float) -> NDArray[np.complex64]:
    """Response [F, K] of a four-pole low-pass to partials at `hz` [K] for each cutoff [F]; `q` lifts the cutoff."""
    ratio = hz[None, :] / cutoff_hz[:, None]
    peaked = 1 / (1 - ratio**2 + 1j * ratio / q)
    plain = 1 / (1 - ratio**2 + 1j * ratio / 0.7)
    return np.asarray(peaked * plain, np.complex64)


def sweep(low_hz: float, high_hz: float, frames: int) -> NDArray[np.float32]:
    """Cutoffs [frames] at equal musical distances."""
    return np.geomspace(low_hz, high_hz, frames, dtype=np.float32)
