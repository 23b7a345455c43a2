"""Basses: glides arrive, wobbles wobble at their rate in the mids, the low end is in the centre."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.seeds import rng
from lowend.synth import bass, sound
from lowend.synth.dsp import SAMPLE_RATE, band, low_pass, midi_hz
from lowend.synth.events import LFO_SHAPES, Event

MOVING = ("reese", "fm", "wavetable", "square")


def patch(kind: str, style: str = "brostep") -> bass.Bass:
    """A patch of the style as drawn, with another oscillator."""
    return replace(sound.draw(rng("bass", kind), style).bass, kind=kind)


def mono(wave: np.ndarray) -> np.ndarray:
    return wave if wave.ndim == 1 else wave.mean(0)


def pitch_hz(wave: np.ndarray) -> float:
    """Strongest frequency from 20 to 400 Hz."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 18))
    hz = np.fft.rfftfreq(1 << 18, 1 / SAMPLE_RATE)
    heard = (hz > 20) & (hz < 400)
    return float(hz[heard][power[heard].argmax()])


@settings(max_examples=12, deadline=None)
@given(note=st.integers(28, 45), glide=st.sampled_from([-12.0, -5.0, 0.0, 3.0, 7.0, 12.0]), length_s=st.floats(1.5, 3))
def test_an_808_starts_at_its_pitch_and_ends_where_it_glides_to(note: int, glide: float, length_s: float) -> None:
    wave = bass.note(patch("808", "trap"), Event("bass", 0, length_s, 0.8, note, glide))
    assert wave.ndim == 1
    first = wave[int(0.1 * SAMPLE_RATE) : int(0.6 * len(wave))]
    assert pitch_hz(first) == pytest.approx(midi_hz(note), rel=0.02)
    end = low_pass(wave, 1.5 * midi_hz(note + glide), 4)[-int(0.028 * SAMPLE_RATE) :]
    crossings = np.flatnonzero(np.diff(np.signbit(end)))
    late = bass.note(patch("808", "trap"), Event("bass", 0, length_s, 0.8, note + glide))[-len(end) :]
    assert abs(len(crossings) - len(np.flatnonzero(np.diff(np.signbit(late))))) <= 1


@pytest.mark.parametrize("kind", MOVING)
@pytest.mark.parametrize("shape", LFO_SHAPES)
@pytest.mark.parametrize("lfo_hz", [2.33, 4.65, 6.98])
def test_a_wobble_moves_the_mids_at_its_rate(kind: str, shape: str, lfo_hz: float) -> None:
    wave = bass.note(patch(kind), Event("bass", 0, 4.0, 0.8, 33, lfo_hz=lfo_hz, lfo_shape=shape))
    mids = band(mono(wave), 200, 3000)
    envelope = np.sqrt((mids[: len(mids) // 320 * 320] ** 2).reshape(-1, 320).mean(1))  # 100 frames/s
    turns = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)), 8192))
    assert np.fft.rfftfreq(8192, 0.01)[turns.argmax()] == pytest.approx(lfo_hz, rel=0.04)
    assert 20 * np.log10(np.percentile(envelope, 95) / np.percentile(envelope, 5)) > 10, "clear movement"


@pytest.mark.parametrize("kind", MOVING)
def test_the_filter_starts_anew_with_each_note(kind: str) -> None:
    long, short = (
        mono(bass.note(patch(kind), Event("bass", 0, s, 0.8, 33, lfo_hz=3.0, lfo_shape="sine"))) for s in (2.0, 1.0)
    )
    n = int(0.9 * SAMPLE_RATE)
    assert np.corrcoef(long[:n], short[:n])[0, 1] > 0.999


@pytest.mark.parametrize("kind", bass.KINDS)
def test_the_low_end_is_mono(kind: str) -> None:
    wave = np.broadcast_to(bass.note(replace(patch(kind), width=0.5), Event("bass", 0, 1.0, 0.8, 33)), (2, SAMPLE_RATE))
    lows = low_pass(wave, 90.0, 4)
    assert ((lows[0] - lows[1]) ** 2).mean() < 0.01 * (lows**2).mean()


@pytest.mark.parametrize("kind", bass.KINDS)
def test_the_sub_is_a_clean_sine_under_every_patch(kind: str) -> None:
    wave = bass.note(patch(kind), Event("sub", 0, 1.0, 0.8, 33))
    power = np.abs(np.fft.rfft(wave)) ** 2
    near = round(midi_hz(33))
    assert wave.ndim == 1 and power[near - 4 : near + 5].sum() > 0.99 * power.sum()


def test_notes_of_all_patches_are_about_as_loud() -> None:
    for kind in bass.KINDS:
        wave = mono(bass.note(patch(kind), Event("bass", 0, 0.6, 0.8, 33)))
        assert 0.2 < np.sqrt((wave.reshape(-1, 1600) ** 2).mean(1)).max() < 0.5
