"""Drums lie where a listener expects them in the spectrum, and kits differ."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.seeds import rng
from lowend.synth import drums, sound
from lowend.synth.dsp import SAMPLE_RATE
from lowend.synth.events import DRUM_PARTS

STYLES = ("boom bap", "trap", "lo-fi", "drill", "phonk", "dubstep", "riddim", "brostep", "house", "ambient")


def kit(style: str, name: int = 0) -> drums.Kit:
    return sound.draw(rng("drums", name), style).kit


def share(wave: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Part of the power between two frequencies."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    hz = np.fft.rfftfreq(wave.shape[-1], 1 / SAMPLE_RATE)
    return float(power[..., (hz >= low_hz) & (hz < high_hz)].sum() / power.sum())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("part", DRUM_PARTS)
def test_every_drum_sounds_at_once_and_dies_away(style: str, part: str) -> None:
    wave = drums.hit(kit(style), part)
    loud = np.abs(np.atleast_2d(wave)).max(0)
    assert wave.dtype == np.float32 and np.isfinite(wave).all() and 0.02 < loud.max() < 1.6
    assert loud[: int(0.06 * SAMPLE_RATE)].max() > 0.5 * loud.max(), "the stroke comes first"
    assert loud[-100:].max() < 0.02 * loud.max()
    assert np.array_equal(wave, drums.hit(kit(style), part)), "a hit is the same each time"


@pytest.mark.parametrize("style", STYLES)
def test_drums_lie_where_they_belong(style: str) -> None:
    parts = {part: drums.hit(kit(style), part) for part in ("kick", "snare", "clap", "hat")}
    assert share(parts["kick"], 30, 150) > 0.7
    assert share(parts["snare"], 140, 600) > 0.08 and share(parts["snare"], 1000, 12_000) > 0.1
    assert share(parts["clap"], 500, 6000) > 0.6
    assert share(parts["hat"], 3500, 16_000) > 0.7 and share(parts["hat"], 0, 500) < 0.01


def test_open_hats_ring_longer_than_closed_ones() -> None:
    for style in STYLES:
        closed, opened = (drums.hit(kit(style), part) for part in ("hat", "open_hat"))
        late = slice(int(0.12 * SAMPLE_RATE), int(0.16 * SAMPLE_RATE))
        assert (opened[:, late] ** 2).mean() > 10 * (closed[:, late] ** 2).mean()


def test_toms_alone_follow_the_pitch() -> None:
    low, high = (drums.hit(kit("trap"), "tom", pitch).mean(0) for pitch in (40, 52))
    peaks = [np.abs(np.fft.rfft(wave, SAMPLE_RATE))[30:500].argmax() + 30 for wave in (low, high)]
    assert peaks[1] / peaks[0] == pytest.approx(2, rel=0.1)
    assert np.array_equal(drums.hit(kit("trap"), "snare", 40), drums.hit(kit("trap"), "snare", 52))


def test_the_kick_is_dry_and_mono_and_the_snare_has_a_room() -> None:
    assert drums.hit(kit("dubstep"), "kick").ndim == 1
    left, right = drums.hit(kit("dubstep"), "snare")
    assert not np.array_equal(left, right)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("part", ["kick", "snare", "hat"])
def test_two_kits_of_a_style_differ(style: str, part: str) -> None:
    first, second = (np.atleast_2d(drums.hit(kit(style, name), part))[0] for name in (1, 2))
    n = min(len(first), len(second))
    assert np.abs(first[:n] - second[:n]).max() > 0.1 * np.abs(first).max()
