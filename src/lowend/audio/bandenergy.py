"""Energy of three bands at the frame rate of codes: what the band-weighted loss weighs frames by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from lowend.audio.bands import mono
from lowend.audio.io import Wave

Array = NDArray[np.float32]

EDGES_HZ = (20.0, 200.0, 2000.0)
"""Low is 20-200 Hz, mid 200-2000 Hz, high all above."""

_WINDOW_S = 0.064  # a bin of 16 Hz: the low band is eleven bins wide
_BLOCK = 1024  # frames transformed at a time: bounds the memory of long tracks


def band_energies(wav: Wave, rate: int, frame_rate: int, frames: int) -> Array:
    """Mean power float32 [3, frames] of the bands of wav [C, S]; frame i is centred on the audio of frame i of codes.

    A full-scale sine has a power of 0.5; what lies beyond the end of the audio is silence.
    """
    window, hop = round(_WINDOW_S * rate), rate / frame_rate
    samples = mono(wav)[0]
    needed = round(frames * hop) + 2 * window
    padded = np.pad(samples, (window, max(0, needed - len(samples))))
    starts = np.round((np.arange(frames) + 0.5) * hop).astype(int) + window - window // 2
    views = np.lib.stride_tricks.sliding_window_view(padded, window)
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    cuts = np.searchsorted(np.arange(window // 2 + 1) * rate / window, EDGES_HZ)
    made = np.empty((3, frames), np.float32)
    for first in range(0, frames, _BLOCK):
        power = np.abs(rfft(views[starts[first : first + _BLOCK]] * shape, axis=1)) ** 2
        # Parseval: both halves of the spectrum over the window's own energy.
        made[:, first : first + _BLOCK] = np.add.reduceat(power, cuts, axis=1).T * (2 / (window * (shape**2).sum()))
    return made


def to_levels(energies: Array) -> NDArray[np.float16]:
    """Square roots of energies, as they are stored: float16 holds a level down to -140 dB, an energy only to -70."""
    return np.sqrt(energies).astype(np.float16)


def from_levels(levels: NDArray[np.float16]) -> Array:
    """Energies of stored levels."""
    energies: Array = levels.astype(np.float32) ** 2
    return energies
