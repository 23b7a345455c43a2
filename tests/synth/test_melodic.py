"""Melodic voices: in tune, stereo, worn where the style is worn; risers rise and crackle crackles."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from lowend.seeds import rng
from lowend.synth import melodic, sound, transitions
from lowend.synth.dsp import SAMPLE_RATE, midi_hz
from lowend.synth.events import Event

PARTS = tuple(field.name for field in fields(melodic.Voices))


def voice(kind: str) -> melodic.Voice:
    drawn = sound.draw(rng("melodic"), "dubstep").voices.keys
    return replace(drawn, kind=kind, detune_cents=4.0, decay_s=0.8, ratio=1.0)


def centroid_hz(wave: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float((power * np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)).sum() / power.sum())


@pytest.mark.parametrize("kind", melodic.KINDS)
@pytest.mark.parametrize("pitch", [52, 64, 81])
def test_every_kind_is_in_tune_and_stereo(kind: str, pitch: int) -> None:
    wave = melodic.note(voice(kind), Event("keys", 0, 1.0, 0.8, pitch))
    assert wave.shape[0] == 2 and wave.shape[1] > SAMPLE_RATE and np.isfinite(wave).all()
    assert not np.array_equal(wave[0], wave[1])
    power = np.abs(np.fft.rfft(wave.mean(0)[:SAMPLE_RATE] * np.hanning(SAMPLE_RATE))) ** 2
    near = midi_hz(pitch)
    around = slice(int(near / 1.12), int(near * 1.12))
    assert around.start + power[around].argmax() == pytest.approx(near, abs=0.012 * near + 1)
    assert power[around].sum() > 0.02 * power.sum()


@pytest.mark.parametrize("style", ["boom bap", "trap", "lo-fi", "drill", "phonk", "dubstep", "brostep", "house"])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_plays_in_every_style(style: str, part: str) -> None:
    drawn = getattr(sound.draw(rng("parts"), style).voices, part)
    event = Event(part, 0, 0.4, 0.8, 67)
    wave = melodic.note(drawn, event)
    assert np.isfinite(wave).all() and 0.02 < np.sqrt((wave**2).mean()) < 0.7
    assert np.abs(wave[:, -20:]).max() < 0.02 * np.abs(wave).max(), "no click at the end"


def test_worn_keys_waver_in_pitch_and_new_ones_do_not() -> None:
    steady = voice("organ")
    worn = replace(steady, wow_hz=1.0, wow_cents=30.0)
    found = []
    for patch in (steady, worn):
        wave = melodic.note(patch, Event("keys", 0, 2.0, 0.8, 69))[0, : 2 * SAMPLE_RATE].reshape(-1, 3200)
        peaks = np.abs(np.fft.rfft(wave * np.hanning(3200), 1 << 17))[:, 1600:2000].argmax(1) + 1600
        found.append(np.ptp(1200 * np.log2(peaks / peaks.mean())))
    assert found[0] < 5 and 35 < found[1] < 90


def test_an_lfo_reaches_melodic_filters() -> None:
    plain, moved = (
        melodic.note(voice("saws"), Event("pad", 0, 1.0, 0.8, 60, lfo_hz=hz, lfo_shape="sine" if hz else ""))
        for hz in (0.0, 4.0)
    )
    assert not np.allclose(plain, moved)


def test_transitions_move_as_they_are_called() -> None:
    patch = sound.draw(rng("fx"), "dubstep").transitions
    waves = {n: transitions.transition(patch, Event(n, 0, 3.0, 0.8)) for n in ("riser", "downlifter", "impact")}
    halves = {
        n: ((w[:, : w.shape[1] // 2] ** 2).mean(), (w[:, w.shape[1] // 2 :] ** 2).mean()) for n, w in waves.items()
    }
    assert halves["riser"][1] > 4 * halves["riser"][0]
    assert halves["downlifter"][0] > 4 * halves["downlifter"][1] and halves["impact"][0] > 20 * halves["impact"][1]
    third = SAMPLE_RATE
    assert centroid_hz(waves["riser"][0, -third:]) > centroid_hz(waves["riser"][0, third : 2 * third])


def test_crackle_comes_again_with_each_turn_of_the_record() -> None:
    patch = sound.draw(rng("fx"), "lo-fi").transitions
    wave = transitions.transition(patch, Event("crackle", 0, 6.0, 0.8))[0]
    turn = int(1.8 * SAMPLE_RATE)
    np.testing.assert_allclose(wave[turn // 2 : turn], wave[turn // 2 + turn : 2 * turn], atol=1e-6)
    assert np.abs(wave).max() > 8 * np.sqrt((wave**2).mean()), "sparse clicks"
