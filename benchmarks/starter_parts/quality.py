"""How near a reconstruction is to its original, and how evenly codes are used."""

from __future__ import annotations

from functools import lru_cache

import librosa
import numpy as np
from numpy.typing import NDArray

from lowend.audio.io import Wave
from lowend.audio.lowband import bass_band
from lowend.audio.separation import si_sdr_db

_FFT, _HOP, _MELS = 2048, 512, 80
_FLOOR = 1e-4  # -80 dB: what lies below is silence

Measures = dict[str, float]


@lru_cache(maxsize=1)
def _bank(rate: int) -> NDArray[np.float32]:
    return librosa.filters.mel(sr=rate, n_fft=_FFT, n_mels=_MELS)


def log_mel_db(wav: Wave, rate: int) -> NDArray[np.float32]:
    """Mel magnitudes [80, T] of [1, S] in dB, floored at -80; scaled as the codec's training does it.

    A full-scale sine of 1 kHz is at -17 dB.
    """
    magnitude = np.abs(librosa.stft(wav[0], n_fft=_FFT, hop_length=_HOP)) * (4 / _FFT)
    return 20 * np.log10(_bank(rate) @ magnitude * (_FFT / 512) + _FLOOR)


def sdr_db(made: Wave, true: Wave) -> float:
    """Signal to distortion ratio in dB, scale counted."""
    noise = float(np.square(made - true, dtype=np.float64).sum())
    return float(10 * np.log10(max(float(np.square(true, dtype=np.float64).sum()), 1e-12) / max(noise, 1e-12)))


def measures(made: Wave, true: Wave, rate: int) -> Measures:
    """Low-band (20-200 Hz) SDR, log-mel L1 and SI-SDR of [1, S] against [1, S], all in dB."""
    distance = np.abs(log_mel_db(made, rate) - log_mel_db(true, rate)).mean()
    return {
        "low_sdr_db": sdr_db(bass_band(made, rate), bass_band(true, rate)),
        "log_mel_l1_db": float(distance),
        "si_sdr_db": si_sdr_db(made, true),
    }


def perplexity(codes: NDArray[np.integer], bins: int) -> float:
    """Exponential of the entropy of codes [T]: how many of `bins` codes are in even use."""
    share = np.bincount(codes, minlength=bins) / len(codes)
    used = share[share > 0]
    return float(np.exp(-(used * np.log(used)).sum()))
