"""Band envelopes and chroma of a track: one short and one long spectrum, computed once and shared.

Everything that describes a track (beats, sections, wobble, chords, key) reads these small arrays, so
that the audio itself is passed over once. Nothing here knows about music beyond the twelve notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from lowend.audio.io import Wave, resample

Array = NDArray[np.float32]

FRAME_RATE = 100  # frames of the envelopes in a second
EDGES_HZ = (20, 60, 120, 250, 500, 1000, 2000, 4000, 7000, 12000)
LOW, MID, HIGH = slice(0, 2), slice(4, 7), slice(8, 9)  # 20-120 Hz, 0.5-4 kHz, 7-12 kHz

_RATE = 24_000
_WINDOW = 1024
_SLOW_RATE = 4000
_SLOW_WINDOW = 2048
_SPREAD = 3.0  # a Hann window spreads a tone's power over 1.5 bins, and a tone's power is half its square
_BLOCK = 2048  # frames transformed at a time: bounds the memory of long tracks
CHROMA_RATE = 10  # frames of the chroma in a second


@dataclass(frozen=True, slots=True)
class Bands:
    """Envelopes of one view.

    power: float32 [9, F], mean power between neighbours of `EDGES_HZ`, F at 100 a second; frame i is
    centred on i / 100 s. centroid_hz: of the mean magnitude spectrum, 0 for silence.
    """

    power: Array
    centroid_hz: float

    @property
    def seconds(self) -> float:
        """Length of the track."""
        return self.power.shape[1] / FRAME_RATE


@dataclass(frozen=True, slots=True)
class Tones:
    """What a long window hears.

    Both float32 [12, G], C first, G at 10 a second: the magnitudes of spectral peaks by pitch class;
    chroma of 110-1900 Hz, bass of 30-240 Hz.
    """

    chroma: Array
    bass: Array


def mono(wav: Wave) -> Wave:
    """Mean of the channels: [C, S] -> [1, S]."""
    return wav if wav.shape[0] == 1 else wav.mean(0, keepdims=True)


def _spectra(samples: Array, window: int, hop: int) -> Iterator[Array]:
    """Magnitudes [frames, window // 2 + 1] of blocks of Hann windows, centred on multiples of `hop`."""
    frames = max(-(-len(samples) // hop), 1)
    padded = np.pad(samples, (window // 2, window))
    views = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:frames]
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    shape /= shape.sum() / 2
    for start in range(0, frames, _BLOCK):
        yield np.abs(rfft(views[start : start + _BLOCK] * shape, axis=1, overwrite_x=True))


def bands(wav: Wave, rate: int) -> Bands:
    """Band envelopes of [C, S]."""
    samples = resample(mono(wav), rate, _RATE)[0]
    hz = np.arange(_WINDOW // 2 + 1) * _RATE / _WINDOW
    cuts = np.searchsorted(hz, EDGES_HZ)
    parts, mean = [], np.zeros(len(hz))
    for magnitude in _spectra(samples, _WINDOW, _RATE // FRAME_RATE):
        mean += magnitude.sum(0)
        parts.append(np.add.reduceat(magnitude**2, cuts, axis=1)[:, :-1] / _SPREAD)
    total = mean[1:].sum()
    centroid = float((mean[1:] * hz[1:]).sum() / total) if total > 1e-6 else 0.0
    return Bands(np.ascontiguousarray(np.concatenate(parts).T), centroid)


def tones(melody: Wave, bass: Wave, rate: int) -> Tones:
    """Chroma of two views [C, S]: of what plays chords (without drums, where there are stems) and of the bass."""
    spans = ((melody, (110, 1900)), (bass, (30, 240)))
    return Tones(*(np.concatenate([_chroma(m, *hz) for m in _slow_spectra(wav, rate)], 1) for wav, hz in spans))


def cut(both: Tones, part: slice) -> Tones:
    """A part of the chroma."""
    return Tones(both.chroma[:, part], both.bass[:, part])


def sub_share(wav: Wave, rate: int) -> float:
    """Share of the power of [C, S] that lies in 20-60 Hz, of all from 20 Hz on; 0 for silence."""
    power = np.concatenate([m**2 for m in _slow_spectra(wav, rate)]).mean(0) / _SPREAD
    hz = np.arange(len(power)) * _SLOW_RATE / _SLOW_WINDOW
    audible = float((mono(wav) ** 2).mean()) - float(power[hz < 20].sum())
    return float(np.clip(power[(hz >= 20) & (hz < 60)].sum() / audible, 0, 1)) if audible > 1e-9 else 0.0


def _slow_spectra(wav: Wave, rate: int) -> Iterator[Array]:
    return _spectra(resample(mono(wav), rate, _SLOW_RATE)[0], _SLOW_WINDOW, _SLOW_RATE // CHROMA_RATE)


def _chroma(magnitude: Array, low_hz: float, high_hz: float) -> Array:
    """Peaks of spectra [G, N] summed by pitch class: [12, G]; a peak between two notes is shared by them."""
    step_hz = _SLOW_RATE / _SLOW_WINDOW
    first, last = int(low_hz / step_hz), int(high_hz / step_hz)
    left, peak, right = (magnitude[:, first + i : last + i] for i in (-1, 0, 1))
    frame, at = np.nonzero((peak > left) & (peak >= right) & (peak > 0.02 * magnitude.max(1, keepdims=True)))
    a, b, c = left[frame, at], peak[frame, at], right[frame, at]
    hz = (first + at + 0.5 * (a - c) / (a - 2 * b + c)) * step_hz
    note = 12 * np.log2(hz / 440) + 9  # above C
    below = np.floor(note)
    made = np.zeros((12, len(magnitude)), np.float32)
    for pitch, weight in ((below, 1 - (note - below)), (below + 1, note - below)):
        np.add.at(made, (pitch.astype(int) % 12, frame), b * weight**2)
    return made
