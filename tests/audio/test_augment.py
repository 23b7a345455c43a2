"""Augmentation: what a listener would say changed, changed by that much; the bass and the level hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import augment
from lowend.audio.augment import AugmentConfig
from lowend.audio.loudness import integrated_lufs
from lowend.audio.lowband import below
from lowend.seeds import rng
from lowend.takes import Change

RATE = 32000
EFFECTS = tuple(augment.EFFECTS)
CONFIG = AugmentConfig(2, {"hiphop": 2, "dubstep": 3}, {"hiphop": 0.05, "dubstep": 0.0}, 0.5, EFFECTS, 3.0, (0.1, 0.3))
SURE = replace(CONFIG, chance=1.0)


def music(seconds: float = 2.0, channels: int = 1, seed: int = 0) -> np.ndarray:
    """A bass note, a chord and some hiss that beats twice a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    tones = sum(a * np.sin(2 * np.pi * f * t) for f, a in ((55, 0.4), (440, 0.1), (1760, 0.05)))
    hiss = 0.05 * np.random.default_rng(seed).standard_normal((channels, len(t))) * ((2 * t) % 1 < 0.3)
    return (tones + hiss).astype(np.float32)


def power(wav: np.ndarray) -> float:
    return float(np.mean(wav.astype(np.float64) ** 2))


def loudest_hz(wav: np.ndarray, least_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(wav[0] * np.hanning(wav.shape[1])))
    hz = np.arange(len(spectrum)) * RATE / wav.shape[1]
    return float(hz[hz > least_hz][spectrum[hz > least_hz].argmax()])


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("channels", [1, 2])
def test_an_effect_changes_the_sound_and_neither_length_level_nor_its_input(name: str, channels: int) -> None:
    wav = music(channels=channels)
    before = wav.copy()
    made = augment.EFFECTS[name](wav, RATE, rng(name))
    assert np.array_equal(wav, before) and made.shape == wav.shape and made.dtype == np.float32
    assert 1e-6 * power(wav) < power(made - wav) < 0.5 * power(wav)
    assert 10 * np.log10(power(made) / power(wav)) == pytest.approx(0, abs=0.7 if name == "mask" else 0.05)
    assert np.array_equal(made, augment.EFFECTS[name](wav, RATE, rng(name)))
    assert not np.array_equal(made, augment.EFFECTS[name](wav, RATE, rng(name, 2)))


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("wav", [np.zeros((1, 9000)), np.zeros((2, 1)), np.ones((1, 700)), np.full((1, 9000), 2.0)])
def test_silence_a_sample_and_clipped_sound_survive(name: str, wav: np.ndarray) -> None:
    made = augment.EFFECTS[name](wav.astype(np.float32), RATE, rng(name))
    assert (
        made.shape == wav.shape and np.isfinite(made).all() and np.abs(made).max() <= max(1.0, np.abs(wav).max()) + 0.3
    )


@given(st.integers(0, 60))
@settings(max_examples=25)
def test_masking_never_touches_the_bass(seed: int) -> None:
    wav = music(1.5, seed=seed)
    made = augment.mask(wav, RATE, rng("mask", seed))
    changed = below(made - wav, RATE, 120)
    assert power(changed) < 1e-5 * power(below(wav, RATE, 120)), "40 dB and more under the bass"
    assert power(made - wav) > 0


@pytest.mark.parametrize("semitones", [-3, 2])
def test_pitch_moves_the_note_and_not_the_tempo(semitones: int) -> None:
    wav = music(4.0)
    made = augment.shift(wav, RATE, Change(1.0, semitones))
    assert made.shape == wav.shape
    assert loudest_hz(made, 300) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.01)
    assert augment.shift(wav, RATE, Change()) is not wav and np.array_equal(augment.shift(wav, RATE, Change()), wav)


@pytest.mark.parametrize("stretch", [0.95, 1.05])
def test_tempo_moves_the_length_and_not_the_note(stretch: float) -> None:
    wav = music(4.0, channels=2)
    made = augment.shift(wav, RATE, Change(stretch, 0))
    assert made.shape == (2, round(wav.shape[1] / stretch))
    assert loudest_hz(made, 300) == pytest.approx(440, rel=0.01)


@given(st.integers(0, 10**6))
def test_dubstep_is_never_stretched_and_limits_hold(seed: int) -> None:
    dubstep = augment.draw_change(CONFIG, "dubstep", rng(seed))
    hiphop = augment.draw_change(CONFIG, "hiphop", rng(seed))
    assert dubstep.stretch == 1.0 and abs(dubstep.semitones) <= 3
    assert 0.95 <= hiphop.stretch <= 1.05 and abs(hiphop.semitones) <= 2
    assert augment.draw_change(CONFIG, "jazz", rng(seed)) == Change()


def test_limits_are_reached_and_takes_depend_on_names_alone() -> None:
    drawn = [augment.draw_change(CONFIG, "dubstep", rng(n)).semitones for n in range(200)]
    assert set(drawn) == set(range(-3, 4))
    wav = music(1.0)
    one, change = augment.take(wav, RATE, "hiphop", CONFIG, 0, "id", "mix", 1)
    again, same = augment.take(wav, RATE, "hiphop", CONFIG, 0, "id", "mix", 1)
    other, _ = augment.take(wav, RATE, "hiphop", CONFIG, 0, "id", "mix", 2)
    assert np.array_equal(one, again) and change == same and not np.array_equal(one, other)
    assert one.shape[1] == round(wav.shape[1] / change.stretch)


def test_stems_change_balance_within_the_limit_and_keep_the_loudness() -> None:
    stems = [music(seed=n)[:, :20000] for n in range(2)] + [0.2 * music(seed=9)[:, :20000] ** 2]
    mix = np.sum(stems, axis=0)
    made = augment.balance(stems, rng("stems"), 3.0)
    assert power(made) == pytest.approx(power(mix), rel=0.01) and not np.allclose(made, mix)
    np.testing.assert_allclose(augment.balance(stems, rng("stems"), 0.0), mix, atol=1e-5)
    kick, lead = np.zeros((2, 1, 8000), np.float32)
    kick[0, :4000], lead[0, 4000:] = 0.5, 0.5
    levels = [augment.balance([kick, lead], rng(n), 3.0)[0] for n in range(100)]
    ratios = [20 * np.log10(abs(made[10] / made[-10])) for made in levels]
    assert 4 < max(np.abs(ratios)) <= 6.01


@given(st.floats(0.1, 0.3), st.integers(100, 9000))
def test_a_blend_is_mostly_the_first(share: float, length: int) -> None:
    one, other = music(0.2), music(0.5, seed=1)[:, :length]
    made = augment.blend(one, other, share)
    assert made.shape == one.shape and power(made) == pytest.approx(power(one), rel=0.01)
    tiled = np.tile(other, 1 + one.shape[1] // length)[:, : one.shape[1]]
    expected = (1 - share) * one + share * tiled
    scale = np.sqrt(power(one) / power(expected))
    np.testing.assert_allclose(made, scale * expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"effects": ("flanger",)}, "effects knows tape, .* got 'flanger'"),
        ({"chance": 1.5}, "chance in 0..1"),
        ({"mixup": (0.3, 0.1)}, "mixup must rise within 0..0.5"),
        ({"stretch": {"hiphop": 0.6}}, "stretch must be in 0..0.5"),
        ({"pitch": {"hiphop": -1}}, "pitch must be in 0..12 semitones"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    whole = {name: getattr(CONFIG, name) for name in AugmentConfig.__slots__}
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**whole | change)  # type: ignore[arg-type]


def test_what_is_driven_is_as_loud_as_before_and_never_clips() -> None:
    wav = 0.5 * music(2.0)
    driven = np.tanh(20 * wav).astype(np.float32) + 0.1 * rng("hiss").standard_normal(wav.shape).astype(np.float32)
    made = augment.as_loud(driven, wav, RATE)
    assert integrated_lufs(made, RATE) == pytest.approx(integrated_lufs(wav, RATE), abs=0.05)
    quiet = np.zeros_like(wav)
    quiet[:, ::4000] = 0.5
    assert np.abs(augment.as_loud(quiet, wav, RATE)).max() == pytest.approx(0.99)
    silence = np.zeros_like(wav)
    assert np.array_equal(augment.as_loud(silence, wav, RATE), silence)
    assert np.array_equal(augment.as_loud(wav, silence, RATE), wav)


def test_a_partner_is_another_track_and_one_more_track_changes_few() -> None:
    among = [f"t{n}" for n in range(60)]
    drawn = [augment.draw_blend(SURE, augment.circle(among), t, 0, t, 1) for t in among]
    again = [augment.draw_blend(SURE, augment.circle(reversed(among)), t, 0, t, 1) for t in among]
    more = [augment.draw_blend(SURE, augment.circle([*among, "new"]), t, 0, t, 1) for t in among]
    assert drawn == again and all(
        b and b.other != t and 0.1 <= b.share <= 0.3 for b, t in zip(drawn, among, strict=True)
    )
    assert len({b.other for b in drawn if b}) > 20
    assert sum(one != other for one, other in zip(drawn, more, strict=True)) < 12
    some = [augment.draw_blend(CONFIG, augment.circle(among), t, 0, t, 1) is not None for t in among]
    assert 15 < sum(some) < 45, "as often as `chance` says"
    assert augment.draw_blend(SURE, augment.circle(["alone"]), "alone", 0) is None
    assert augment.draw_blend(replace(SURE, mixup=(0.0, 0.0)), augment.circle(among), "t0", 0) is None
