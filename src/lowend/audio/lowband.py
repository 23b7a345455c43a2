"""Zero-phase low bands that do not ring: Bessel filters, run forwards and backwards."""

from __future__ import annotations

import numpy as np
from scipy.signal import bessel, sosfiltfilt

from lowend.audio.io import Wave

BASS_HZ = (20.0, 200.0)
"""The bass band: sub-bass (20-60 Hz) and bass (60-200 Hz)."""

_ORDER = 4  # twice, so -6 dB at an edge


def below(wav: Wave, rate: int, edge_hz: float) -> Wave:
    """What of [C, S] lies below `edge_hz`."""
    sos = bessel(_ORDER, edge_hz, "low", norm="mag", fs=rate, output="sos")
    return np.asarray(sosfiltfilt(sos, wav, axis=1), np.float32)


def bass_band(wav: Wave, rate: int) -> Wave:
    """What of [C, S] lies in 20-200 Hz."""
    low = below(wav, rate, BASS_HZ[1])
    return low - below(low, rate, BASS_HZ[0])
