"""Sections of a track: where the source does not tell them, drops are found by their sub-bass."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from lowend.audio.io import Wave
from lowend.tracks import Section

_HOP_S = 0.5
_SMOOTH_HOPS = 4


def find_drops(mix: Wave, rate: int, min_s: float) -> list[Section]:
    """Passages of at least `min_s` seconds where 20-200 Hz is near its loudest after being lower.

    A hop of 0.5 s counts as loud when its low band, smoothed over 2 s, is within 4 dB of the
    track's 90th percentile. A track that is loud throughout has no drop: it has nothing to drop from.
    """
    sos = butter(4, [20, 200], "band", fs=rate, output="sos")
    low = sosfiltfilt(sos, mix.mean(0))
    hop = int(_HOP_S * rate)
    hops = len(low) // hop
    if hops < 2 * _SMOOTH_HOPS:
        return []
    power = (low[: hops * hop].reshape(hops, hop) ** 2).mean(1)
    padded = np.pad(power, (_SMOOTH_HOPS // 2, _SMOOTH_HOPS - 1 - _SMOOTH_HOPS // 2), mode="edge")
    level_db = 10 * np.log10(np.convolve(padded, np.ones(_SMOOTH_HOPS) / _SMOOTH_HOPS, "valid") + 1e-10)
    loud = level_db > np.percentile(level_db, 90) - 4
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(int), [0]))))
    spans = [(a * _HOP_S, b * _HOP_S) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if loud.mean() > 0.9:
        return []
    return [{"name": "drop", "start": a, "end": b} for a, b in spans if a > 0 and b - a >= min_s]


def drops(sections: list[Section], min_s: float) -> list[tuple[float, float]]:
    """Start and end in seconds of the drops that are long enough to train on."""
    spans = [(float(s["start"]), float(s["end"])) for s in sections if s["name"] == "drop"]
    return [(a, b) for a, b in spans if b - a >= min_s]
