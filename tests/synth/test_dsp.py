"""Oscillators hold their pitch and stay below the limit, LFOs have their shapes, levels are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.synth import dsp
from lowend.synth.dsp import SAMPLE_RATE
from lowend.synth.events import LFO_SHAPES


def spectrum(wave: dsp.Wave) -> tuple[np.ndarray, np.ndarray]:
    """Power and frequency of a windowed wave."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 4 * len(wave))) ** 2
    return power, np.fft.rfftfreq(4 * len(wave), 1 / SAMPLE_RATE)


@settings(max_examples=20, deadline=None)
@given(hz=st.floats(30, 4000))
def test_a_sine_has_its_pitch_and_amplitude(hz: float) -> None:
    wave = dsp.sine(dsp.steady(hz, SAMPLE_RATE))
    power, frequency = spectrum(wave)
    assert frequency[power.argmax()] == pytest.approx(hz, abs=0.3)
    assert np.abs(wave).max() == pytest.approx(1, abs=0.01) and abs(wave[0]) < 1e-3


def test_a_steady_and_a_moving_phase_agree() -> None:
    constant = dsp.moving(np.full(SAMPLE_RATE, 55.0))
    np.testing.assert_allclose(dsp.sine(constant), dsp.sine(dsp.steady(55.0, SAMPLE_RATE)), atol=0.01)


@settings(max_examples=10, deadline=None)
@given(hz=st.floats(100, 3000))
def test_a_saw_has_no_partial_that_folds_back(hz: float) -> None:
    k = dsp.partials(hz)
    wave = dsp.play(dsp.table((-1j / k)[None].astype(np.complex64)), dsp.steady(hz, SAMPLE_RATE))
    power, frequency = spectrum(wave)
    harmonic = np.abs(frequency / hz - np.round(frequency / hz)) * hz < 5
    assert power[~harmonic].sum() < 1e-4 * power.sum()


@given(amounts=st.lists(st.floats(-1, 1), min_size=8, max_size=64), rms=st.floats(0.01, 1))
def test_level_is_the_rms_of_the_loudest_part(amounts: list[float], rms: float) -> None:
    wave = np.repeat(np.float32(amounts), 1600)
    levelled = dsp.to_level(wave, rms)
    blocks = np.sqrt((levelled.reshape(-1, 1600) ** 2).mean(1))
    if np.abs(wave).max() > 1e-3:
        assert blocks.max() == pytest.approx(rms, rel=1e-3)
    assert np.isfinite(levelled).all()


@pytest.mark.parametrize("shape", LFO_SHAPES)
@pytest.mark.parametrize("hz", [1.0, 4.65, 9.3])
def test_an_lfo_turns_at_its_rate_within_its_range(shape: str, hz: float) -> None:
    wave = dsp.lfo(shape, hz, 4 * SAMPLE_RATE)
    assert wave.min() >= 0 and wave.max() <= 1 and np.ptp(wave) > 0.9
    power, frequency = spectrum(wave - wave.mean())
    assert frequency[power.argmax()] == pytest.approx(hz, rel=0.03)


def test_lfo_shapes_move_as_they_are_called() -> None:
    turn = {shape: dsp.lfo(shape, 1.0, SAMPLE_RATE) for shape in LFO_SHAPES}
    quarter, half = SAMPLE_RATE // 4, SAMPLE_RATE // 2
    assert turn["sine"][0] < 0.01 and turn["sine"][half] > 0.99
    assert turn["triangle"][quarter] == pytest.approx(0.5, abs=1e-4)
    assert turn["saw"][quarter] > turn["saw"][half] and turn["ramp"][quarter] < turn["ramp"][half]
    assert turn["square"][quarter] > 0.99 and turn["square"][-quarter] < 0.01
    assert np.abs(np.diff(turn["square"])).max() < 0.02, "a jump would click"


@settings(max_examples=20, deadline=None)
@given(semitones=st.floats(-12, 12), length=st.integers(640, 60_000))
def test_a_slide_keeps_two_thirds_and_arrives(semitones: float, length: int) -> None:
    hz = dsp.slide(40, semitones, length)
    assert len(hz) == length
    np.testing.assert_allclose(hz[: length * 2 // 3 - 1], dsp.midi_hz(40))
    assert hz[-1] == pytest.approx(dsp.midi_hz(40 + semitones))


def test_fades_leave_the_callers_wave_alone() -> None:
    wave = np.ones((2, 1000), np.float32)
    faded = dsp.fade(wave, 0.01, 0.01)
    assert (wave == 1).all() and (faded[:, 0] == 0).all() and (faded[:, -1] == 0).all() and faded[0, 500] == 1
