"""Rendering: stems that sum, repeats that are identical, choke, side-chain, and sounds that differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.seeds import rng
from lowend.synth.dsp import SAMPLE_RATE
from lowend.synth.events import LFO_SHAPES, STEM_OF, STEMS, Event
from lowend.synth.render import render
from lowend.synth.sound import Sound, draw

STYLES = ("boom bap", "trap", "lo-fi", "drill", "phonk", "dubstep", "riddim", "brostep", "house", "ambient")


def a_sound(style: str, name: int = 0) -> Sound:
    return draw(rng("render", style, name), style)


def an_event(part: str, start_s: float = 0.5, length_s: float = 0.5, **more: float | str) -> Event:
    pitch = {"drums": 0.0, "bass": 34.0, "other": 64.0}[STEM_OF[part]]
    return Event(part, start_s, length_s, 0.8, pitch, **more)  # type: ignore[arg-type]


@st.composite
def events(draw: st.DrawFn) -> Event:
    part = draw(st.sampled_from(sorted(STEM_OF)))
    lfo_hz = draw(st.sampled_from([0.0, 3.5]))
    return Event(
        part=part,
        start_s=draw(st.floats(0, 3)),
        length_s=draw(st.floats(0, 1.5)),
        velocity=draw(st.floats(0, 1)),
        pitch=draw(st.integers(24, 96)) if STEM_OF[part] != "drums" or part == "tom" else 0.0,
        glide=draw(st.sampled_from([0.0, 0.0, -12.0, 7.0])),
        lfo_hz=lfo_hz,
        lfo_shape=draw(st.sampled_from(LFO_SHAPES)) if lfo_hz else "",
    )


@settings(max_examples=25, deadline=None)
@given(played=st.lists(events(), max_size=12), style=st.sampled_from(STYLES), length=st.integers(1, 80_000))
def test_any_events_give_finite_bounded_stems(played: list[Event], style: str, length: int) -> None:
    stems = render(played, a_sound(style), length, 0)
    assert tuple(stems) == STEMS and {(w.shape, w.dtype.name) for w in stems.values()} == {((2, length), "float32")}
    mix = sum(stems.values(), np.zeros((2, 1), np.float32))
    assert np.isfinite(mix).all() and max(np.abs(w).max() for w in (mix, *stems.values())) <= 0.89
    used = {STEM_OF[e.part] for e in played}
    assert all((stems[stem] == 0).all() for stem in STEMS if stem not in used)


@pytest.mark.parametrize("style", STYLES)
def test_a_song_is_fixed_by_events_sound_and_seed_in_whatever_order(style: str) -> None:
    played = [an_event(part, 0.2 * i) for i, part in enumerate(STEM_OF)]
    first, again = (render(p, a_sound(style), 4 * SAMPLE_RATE, 3) for p in (played, played[::-1]))
    assert all(np.array_equal(first[stem], again[stem]) for stem in STEMS)


def test_the_seed_places_the_crackle_and_nothing_else() -> None:
    for part, same in (("crackle", False), ("riser", True), ("snare", True)):
        a, b = (render([an_event(part)], a_sound("lo-fi"), SAMPLE_RATE, seed)[STEM_OF[part]] for seed in (1, 2))
        assert np.array_equal(a, b) == same


@pytest.mark.parametrize("part", [part for part in STEM_OF if part != "crackle"])
@pytest.mark.parametrize("style", ["trap", "lo-fi", "brostep"])
def test_the_same_event_gives_the_same_wave_each_time(part: str, style: str) -> None:
    """Two events far apart, the second at another velocity: one wave but for its level."""
    sound = a_sound(style)
    sound = replace(sound, mix=replace(sound.mix, drive=1e-3, reverb_s=0.3))
    gap, length = 4 * SAMPLE_RATE, 3 * SAMPLE_RATE
    pair = [an_event(part, 0.25), replace(an_event(part, 4.25), velocity=0.4)]
    wave = render(pair, sound, gap + length, 0)[STEM_OF[part]]
    first, second = wave[:, :length], wave[:, gap : gap + length]
    assert np.abs(first).max() > 0.1
    if part == "kick":
        np.testing.assert_allclose(second, first / 2, atol=1e-4)
    np.testing.assert_allclose(2 * second, first, atol=2e-4)


def test_a_closed_hat_cuts_the_open_one() -> None:
    sound = a_sound("house")
    kit = replace(sound.kit, open_decay_s=0.4, hat_decay_s=0.01, room_level=0.0)
    sound = replace(sound, kit=kit, mix=replace(sound.mix, drive=1e-3))
    opened, closed = an_event("open_hat", 0.1), an_event("hat", 0.3)
    alone, choked, kicked = (
        render(played, sound, SAMPLE_RATE, 0)["drums"]
        for played in ([opened], [opened, closed], [opened, an_event("kick", 0.3)])
    )
    late = slice(int(0.45 * SAMPLE_RATE), int(0.6 * SAMPLE_RATE))
    assert (choked[:, late] ** 2).mean() < 1e-3 * (alone[:, late] ** 2).mean()
    assert (kicked[:, late] ** 2).mean() > 0.1 * (alone[:, late] ** 2).mean(), "a kick cuts nothing"


@pytest.mark.parametrize("style", ["trap", "dubstep", "house"])
@pytest.mark.parametrize("part", ["bass", "pad"])
def test_the_kick_ducks_what_plays_with_it(style: str, part: str) -> None:
    sound = a_sound(style)
    sound = replace(sound, mix=replace(sound.mix, drive=1e-3))
    held = an_event(part, 0.0, 2.0)
    quiet, ducked = (
        render([held, an_event("hat", 0.0), *kick], sound, 2 * SAMPLE_RATE, 0)[STEM_OF[part]]
        for kick in ([], [an_event("kick", 1.0)])
    )
    gains = [
        np.sqrt((ducked[:, a:b] ** 2).mean() / (quiet[:, a:b] ** 2).mean())
        for a, b in ((20_000, 30_000), (32_100, 32_900), (48_000, 60_000))
    ]
    depth = sound.mix.duck_bass if part == "bass" else sound.mix.duck_other
    assert gains[1] / gains[0] < 1 - 0.7 * depth and gains[2] / gains[0] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("style", STYLES)
def test_kick_and_sub_are_in_the_centre_while_everything_plays(style: str) -> None:
    played = [an_event("kick", 0.5), an_event("hat", 0.6), an_event("sub", 0.5), an_event("pad", 0.0, 2.0)]
    stems = render(played, a_sound(style), 2 * SAMPLE_RATE, 0)
    assert np.array_equal(*stems["bass"]) and not np.array_equal(*stems["other"])
    alone = render(played[:1], a_sound(style), SAMPLE_RATE, 0)["drums"]
    assert np.array_equal(*alone) and np.abs(alone).max() > 0.5


def a_groove(style: str) -> list[Event]:
    """Four bars at 120 BPM of what most songs play."""
    shape = {"lfo_hz": 4.0, "lfo_shape": "sine"} if style in ("dubstep", "riddim", "brostep") else {}
    played = []
    for bar_s in (0.0, 2.0, 4.0, 6.0):
        played += [an_event("kick", bar_s + at) for at in (0.0, 0.625, 1.25)]
        played += [an_event(part, bar_s + 1.0) for part in ("snare", "clap")]
        played += [an_event("hat", bar_s + at / 4) for at in range(8)]
        played += [an_event("bass", bar_s + at, 0.9, **shape) for at in (0.0, 1.0)]
        played += [an_event("sub", bar_s + at, 0.9) for at in (0.0, 1.0) if shape]
        played += [replace(an_event("pad", bar_s, 2.0), pitch=pitch, velocity=0.5) for pitch in (57.0, 60.0, 64.0)]
        played += [an_event("lead", bar_s + at, 0.4) for at in (0.0, 0.75, 1.5)]
    return played


@pytest.mark.parametrize("style", STYLES[:-1])
def test_a_mix_is_neither_all_bass_nor_without_it(style: str) -> None:
    """Means over sounds: the low end is about half of the power, hats are there, no stem is buried."""
    found = []
    for name in range(4):
        stems = render(a_groove(style), a_sound(style, name), 8 * SAMPLE_RATE, 0)
        mix = sum(stems.values(), np.zeros((2, 1), np.float32)).mean(0)
        power, hz = np.abs(np.fft.rfft(mix)) ** 2, np.fft.rfftfreq(len(mix), 1 / SAMPLE_RATE)
        level = {stem: 10 * np.log10((wave**2).mean()) for stem, wave in stems.items()}
        found.append((power[hz < 200].sum() / power.sum(), power[hz > 3000].sum() / power.sum(),
                      level["other"] - level["drums"], level["bass"] - level["drums"]))  # fmt: skip
    low, high, other_db, bass_db = np.mean(found, axis=0)
    assert 0.3 < low < 0.65 and high > 0.02
    assert abs(other_db) < 6 and abs(bass_db) < 6


def test_reverb_rings_on_in_its_own_stem() -> None:
    stems = render([an_event("pluck", 0.1, 0.1)], a_sound("ambient"), 4 * SAMPLE_RATE, 0)
    assert np.abs(stems["other"][:, 2 * SAMPLE_RATE : 3 * SAMPLE_RATE]).max() > 1e-3
    assert (stems["drums"] == 0).all() and (stems["bass"] == 0).all()


@pytest.mark.parametrize("style", STYLES)
def test_two_sounds_of_a_style_differ_in_every_stem(style: str) -> None:
    played = [an_event(part, 0.1 * i) for i, part in enumerate(STEM_OF)]
    one, two = (render(played, a_sound(style, name), 3 * SAMPLE_RATE, 0) for name in (1, 2))
    for stem in STEMS:
        difference = ((one[stem] - two[stem]) ** 2).mean()
        floor = 0.01 if stem == "bass" else 0.1  # the same low sine lies under both
        assert difference > floor * (one[stem] ** 2).mean()


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(KeyError, match="polka"):
        draw(rng("x"), "polka")
