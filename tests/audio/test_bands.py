"""Band envelopes and chroma hold what was played, in the right band, frame and pitch class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import bands


def sine(hz: float, seconds: float = 2.0, rate: int = 32000, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)[None]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 8), st.sampled_from([22050, 32000, 44100, 48000]), st.floats(0.01, 0.9))
def test_a_tone_has_its_power_in_its_band(band: int, rate: int, level: float) -> None:
    low, high = bands.EDGES_HZ[band : band + 2]
    hz = min((low * high) ** 0.5, 0.4 * rate)
    power = bands.bands(sine(hz, rate=rate, level=level), rate).power[:, 20:-20].mean(1)
    at = int(np.searchsorted(bands.EDGES_HZ, hz)) - 1
    near = power[max(at - 1, 0) : at + 2].sum()  # a low tone is wider than its band
    assert near == pytest.approx(level**2 / 2, rel=0.05)
    assert int(np.argmax(power)) == at or hz < 120


def test_a_frame_is_a_hundredth_of_a_second_and_centred() -> None:
    wav = np.zeros((1, 96000), np.float32)
    wav[0, 48000] = 1.0  # at 1.5 s
    found = bands.bands(wav, 32000)
    assert found.seconds == 3.0 and found.power.shape == (9, 300)
    assert int(np.argmax(found.power.sum(0))) == 150


@pytest.mark.parametrize("midi", range(41, 89, 5))
def test_a_tone_is_in_its_pitch_class(midi: int) -> None:
    wav = sine(440 * 2 ** ((midi - 69) / 12))
    found = bands.tones(wav, wav, 32000)
    octave = found.bass if midi < 45 else found.chroma
    assert set(np.argmax(octave[:, 5:-5], 0)) == {midi % 12}


def test_the_bass_is_told_from_the_melody() -> None:
    found = bands.tones(sine(146.83), sine(65.41), 32000)
    assert int(np.argmax(found.chroma.sum(1))) == 2 and int(np.argmax(found.bass.sum(1))) == 0
    assert bands.cut(found, slice(3, 8)).chroma.shape == bands.cut(found, slice(3, 8)).bass.shape == (12, 5)


@pytest.mark.parametrize(("hz", "share"), [(40.0, 1.0), (100.0, 0.0), (1000.0, 0.0), (10.0, 0.0)])
def test_sub_bass_is_from_20_to_60_hertz(hz: float, share: float) -> None:
    assert bands.sub_share(sine(hz, 4.0), 32000) == pytest.approx(share, abs=0.02)


@given(st.floats(0.1, 0.9))
@settings(max_examples=10, deadline=None)
def test_the_sub_share_is_of_power(sub: float) -> None:
    wav = sine(45.0, 4.0, level=0.5 * sub**0.5) + sine(2000.0, 4.0, level=0.5 * (1 - sub) ** 0.5)
    assert bands.sub_share(np.repeat(wav, 2, 0), 32000) == pytest.approx(sub, abs=0.03)


def test_a_brighter_tone_has_a_higher_centroid() -> None:
    low, high = (bands.bands(sine(hz), 32000).centroid_hz for hz in (500.0, 5000.0))
    assert low == pytest.approx(500, rel=0.1) and high == pytest.approx(5000, rel=0.1)


def test_silence_and_a_single_sample_are_heard_as_nothing() -> None:
    silence = bands.bands(np.zeros((2, 32000), np.float32), 32000)
    assert silence.power.sum() == 0 and silence.centroid_hz == 0
    assert bands.sub_share(np.zeros((2, 32000), np.float32), 32000) == 0
    assert bands.bands(np.ones((1, 1), np.float32), 32000).power.shape == (9, 1)
