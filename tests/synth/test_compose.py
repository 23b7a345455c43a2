"""Compositions of every style: whole bars, true sections, drums in their places, basses that keep their promises."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.note_values import WOBBLES
from lowend.synth.compose import Score, compose
from lowend.synth.events import BASS_PARTS, DRUM_PARTS, LFO_SHAPES, STEM_OF, Event
from lowend.synth.styles import FRAME_RATE, STYLES

NAMES = st.sampled_from(list(STYLES))
DROPS = [name for name, style in STYLES.items() if style.form == "drops"]
SEEDS = st.integers(0, 200).map(str)
SECONDS = st.floats(8, 120)
LATE_S = 0.0081  # the furthest behind the grid that players come


def made(style: str, seed: str, seconds: float) -> Score:
    return compose(style, f"test/{seed}", f"voices/{seed}", seconds)


def spans(score: Score, *names: str) -> list[tuple[float, float]]:
    return [(start, end) for name, start, end in score.plan.spans() if name in names]


def within(events: Iterable[Event], spans: list[tuple[float, float]]) -> list[Event]:
    return [e for e in events if any(start - 1e-6 <= e.start_s < end - 1e-6 for start, end in spans)]


def step_of(score: Score, event: Event) -> tuple[int, float]:
    """Bar and sixteenth of an event, where swing is part of the sixteenth."""
    bar = int(event.start_s / score.plan.bar_s + 1e-6)
    return bar, (event.start_s - bar * score.plan.bar_s) / score.plan.step_s


@given(NAMES, SEEDS, SECONDS)
@settings(max_examples=60, deadline=None)
def test_sections_tile_the_song_in_whole_bars(style: str, seed: str, seconds: float) -> None:
    plan = made(style, seed, seconds).plan
    assert plan.bar_s * FRAME_RATE == pytest.approx(round(plan.bar_s * FRAME_RATE), abs=1e-9)
    assert plan.beat_frames in STYLES[style].beat_frames
    found = plan.spans()
    assert found[0][1] == 0 and found[-1][2] == pytest.approx(plan.bars * plan.bar_s)
    assert all(a[2] == b[1] for a, b in itertools.pairwise(found))
    assert all(
        (end - start) / plan.bar_s == pytest.approx(round((end - start) / plan.bar_s)) for _, start, end in found
    )
    assert plan.bars == max(8, round(seconds / plan.bar_s))
    assert [bar.section for bar in plan.walk()] == [name for name, length in plan.form for _ in range(length)]


@given(NAMES, SEEDS, SECONDS)
@settings(max_examples=60, deadline=None)
def test_every_event_lies_inside_the_song_and_can_be_played(style: str, seed: str, seconds: float) -> None:
    score = made(style, seed, seconds)
    end_s = score.plan.bars * score.plan.bar_s
    assert list(score.events) == sorted(score.events, key=lambda e: (e.start_s, e.part, e.pitch))
    for event in score.events:
        assert event.part in STEM_OF and 0 < event.velocity <= 1
        assert event.start_s >= 0 and event.length_s > 0
        assert event.start_s + event.length_s <= end_s + (LATE_S if event.part in DRUM_PARTS else 1e-6)
        assert (event.lfo_shape in LFO_SHAPES) == (event.lfo_hz > 0)
        assert (event.pitch > 0) == (event.part not in (*DRUM_PARTS, "riser", "downlifter", "impact", "crackle"))


@pytest.mark.parametrize("style", STYLES)
def test_the_same_name_makes_the_same_song_and_another_another(style: str) -> None:
    assert made(style, "1", 30) == made(style, "1", 30)
    assert len({made(style, str(n), 30).events for n in range(8)}) == 8


@given(NAMES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_voices_decide_the_keys_and_names_all_else(style: str, seed: str) -> None:
    keys = {compose(style, f"{seed}/{n}", seed, 8).plan.key for n in range(12)}
    assert len(keys) <= 3
    assert len({compose(style, f"{seed}/{n}", seed, 8).events for n in range(6)}) == 6


def test_every_key_is_played_by_someone() -> None:
    assert len({made("trap", str(n), 8).plan.key.tonic for n in range(80)}) == 12


@given(st.sampled_from(DROPS), SEEDS, SECONDS)
@settings(max_examples=40, deadline=None)
def test_drops_have_bass_and_half_time_drums_and_nothing_before_them_has(style: str, seed: str, seconds: float) -> None:
    score = made(style, seed, seconds)
    low = [e for e in score.events if e.part in BASS_PARTS or e.part == "kick"]
    assert not within(low, spans(score, "intro", "buildup", "breakdown", "outro"))
    for start, end in spans(score, "drop"):
        bars = round((end - start) / score.plan.bar_s)
        drop = within(score.events, [(start, end)])
        first = round(start / score.plan.bar_s)
        kicks, snares, basses = (
            [step_of(score, e) for e in drop if e.part == part and e.velocity >= 0.5]
            for part in ("kick", "snare", "bass")
        )
        for bar in range(first, first + bars):
            assert any(b == bar and step == pytest.approx(0, abs=0.01) for b, step in kicks)
            played = [round(step, 2) for b, step in snares if b == bar]
            assert 8 in played and (bar == first + bars - 1 or played == [8]), "only a fill plays more snares"
            assert any(b == bar for b, _ in basses)


@given(st.sampled_from(DROPS), SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_build_up_gets_denser_and_louder_and_rises_into_the_drop(style: str, seed: str) -> None:
    score = made(style, seed, 60)
    for start, end in spans(score, "buildup"):
        rolls = [e for e in within(score.events, [(start, end)]) if e.part == "snare"]
        quarter = (end - start) / 4
        counts = [len(within(rolls, [(start + n * quarter, start + (n + 1) * quarter)])) for n in range(4)]
        assert counts[0] < counts[2] < counts[3] and counts[3] >= 4 * counts[0]
        assert rolls[0].velocity < 0.6 < rolls[-1].velocity
        (riser,) = (e for e in within(score.events, [(start, end)]) if e.part == "riser")
        assert riser.start_s + riser.length_s == pytest.approx(end)
    assert [e.start_s for e in score.events if e.part == "impact"] == [start for start, _ in spans(score, "drop")]


@given(st.sampled_from(DROPS), SEEDS)
@settings(max_examples=40, deadline=None)
def test_wobbles_turn_at_note_values_and_the_commonest_is_named_first(style: str, seed: str) -> None:
    score = made(style, seed, 30)
    notes = [e for e in score.events if e.lfo_hz]
    assert {e.lfo_hz for e in notes} == set(score.wobble_hz) and {e.part for e in notes} == {"bass"}
    for rate in score.wobble_hz:
        assert min(abs(rate * score.plan.beat_s / turns - 1) for turns in WOBBLES.values()) < 1e-4
    sounding = [sum(e.length_s for e in notes if e.lfo_hz == rate) for rate in score.wobble_hz]
    assert sounding == sorted(sounding, reverse=True)


def test_dubstep_and_brostep_switch_their_rate_and_riddim_stays() -> None:
    rates = {name: [len(made(name, str(n), 30).wobble_hz) for n in range(12)] for name in STYLES}
    assert sum(count >= 2 for count in rates["dubstep"]) >= 8, "a loop of two bars may keep its rate"
    assert set(rates["brostep"]) == {2} and set(rates["riddim"]) == {1}
    assert not any(any(counts) for name, counts in rates.items() if name not in DROPS)


@given(st.sampled_from(DROPS), SEEDS, st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_eight_seconds_of_a_drop_wobble_longest_at_the_rate_that_the_caption_names(
    style: str, seed: str, place: float
) -> None:
    score = made(style, seed, 30)
    start, end = spans(score, "drop")[0]
    first = start + place * max(end - 8 - start, 0)
    sounding: defaultdict[float, float] = defaultdict(float)
    for event in score.events:
        heard = min(event.start_s + event.length_s, first + 8) - max(event.start_s, first)
        if event.lfo_hz and heard > 0:
            sounding[event.lfo_hz] += heard
    assert max(sounding, key=lambda hz: sounding[hz]) == score.wobble_hz[0]
    assert sounding[score.wobble_hz[0]] > 0.6 * sum(sounding.values())


@given(st.sampled_from(["boom bap", "lo-fi"]), SEEDS)
@settings(max_examples=30, deadline=None)
def test_swing_delays_the_odd_sixteenths_alone(style: str, seed: str) -> None:
    score = made(style, seed, 30)
    swing, late = score.plan.swing, LATE_S / score.plan.step_s
    assert swing in STYLES[style].swing
    odd = 0
    for event in score.events:
        if event.part in (*DRUM_PARTS, "bass"):
            _, step = step_of(score, event)
            is_odd = int(step + 1e-4) % 2 == 1
            behind = step - int(step + 1e-4) - (swing if is_odd else 0)
            assert -1e-3 <= behind <= late
            odd += is_odd
    assert odd > 8


@given(st.sampled_from([name for name in STYLES if name not in ("boom bap", "lo-fi")]), SEEDS)
@settings(max_examples=40, deadline=None)
def test_all_other_styles_are_quantised_to_sixteenths_triplets_and_thirty_seconds(style: str, seed: str) -> None:
    score = made(style, seed, 20)
    for event in score.events:
        _, step = step_of(score, event)
        assert min(abs(step * n / 4 - round(step * n / 4)) for n in (4, 6, 8)) < 1e-3
    assert score.plan.swing == 0


@pytest.mark.parametrize("style", [name for name in STYLES if name != "ambient"])
def test_bars_repeat_but_for_turns_and_fills(style: str) -> None:
    """Bars one and three of every four of a phrase are the same, to the velocity: what repeats can be learned."""
    for seed in range(6):
        score = made(style, str(seed), 60)
        drums = [e for e in score.events if e.part in DRUM_PARTS and e.part != "crash"]
        for name, length in ((n, bars) for n, bars in score.plan.form if n in ("verse", "hook", "drop")):
            start = next(s for n, s, _ in score.plan.spans() if n == name)
            if length < 8:
                continue
            bar = score.plan.bar_s
            first, second = (
                [
                    (e.part, round(e.start_s - at, 4), e.velocity)
                    for e in within(drums, [(at, at + 3 * bar)])
                ]
                for at in (start, start + 4 * bar)
            )  # fmt: skip
            if length > 8:
                assert sorted(first) == sorted(second)
            else:
                assert len(set(first) & set(second)) > 0.8 * len(first)


@given(NAMES, SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_chord_of_a_bar_is_what_its_pad_plays(style: str, seed: str) -> None:
    score = made(style, seed, 30)
    assert len(score.plan.chord_names()) == score.plan.bars
    for event in score.events:
        if event.part in ("pad", "chords", "arp"):
            bar, _ = step_of(score, event)
            assert event.pitch % 12 in {note % 12 for note in score.plan.chord(bar)}


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_808s_follow_the_kick_and_slide(seed: str) -> None:
    score = made("trap", seed, 30)
    verse = spans(score, "verse")[0]
    (kicks, notes) = (
        [
            step_of(score, e)[1]
            for e in within(score.events, [(verse[0], verse[0] + score.plan.bar_s)])
            if e.part == part
        ]
        for part in ("kick", "bass")
    )
    assert notes == pytest.approx(kicks)
    assert {e.glide for e in score.events if e.part == "bass"} > {0.0}


@pytest.mark.parametrize("style", STYLES)
def test_a_bass_plays_one_note_at_a_time(style: str) -> None:
    for seed in range(8):
        notes = [e for e in made(style, str(seed), 30).events if e.part == "bass"]
        assert notes
        assert all(a.start_s + a.length_s <= b.start_s + 1e-6 for a, b in itertools.pairwise(notes))
