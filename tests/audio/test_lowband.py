"""The bass band: what is in it stays where it is in time, what is outside goes, and nothing rings."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.audio.lowband import bass_band, below

RATE = 32000
T = np.arange(4 * RATE) / RATE


def level_db(wav: np.ndarray) -> float:
    return float(10 * np.log10((wav[:, RATE:-RATE] ** 2).mean() + 1e-20))


@pytest.mark.parametrize(
    ("hz", "least", "most"),
    [(2, -99, -30), (8, -99, -12), (45, -3, 0.1), (90, -2, 0.1), (500, -99, -25), (2000, -200, -60)],
)
def test_only_the_bass_band_passes(hz: float, least: float, most: float) -> None:
    tone = np.sin(2 * np.pi * hz * T)[None].astype(np.float32)
    assert least <= level_db(bass_band(tone, RATE)) - level_db(tone) <= most


def test_phase_is_kept() -> None:
    tone = np.sin(2 * np.pi * 60 * T)[None].astype(np.float32)
    made = bass_band(tone, RATE)[:, RATE:-RATE]
    assert np.corrcoef(made[0], tone[0, RATE:-RATE])[0, 1] > 0.9999


def test_a_step_does_not_overshoot_and_a_burst_leaves_no_tail() -> None:
    step = (T >= 2).astype(np.float32)[None]
    made = below(step, RATE, 200.0)
    assert made.min() > -0.01 and made.max() < 1.01, "Butterworth of the same order overshoots by a tenth"
    burst = np.where((T > 1.5) & (T < 2.5), np.sin(2 * np.pi * 100 * T), 0)[None].astype(np.float32)
    heard = bass_band(burst, RATE)
    outside = np.abs(heard[:, (T < 1.46) | (T > 2.54)]).max()
    assert outside < 0.01 * np.abs(heard).max(), "40 ms from its ends a burst is 40 dB down"
