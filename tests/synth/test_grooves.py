"""The notation of drum patterns, and what the patterns of every style have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend.synth.events import DRUM_PARTS
from lowend.synth.grooves import GROOVES, LEVELS, hits

BEATS = st.lists(st.text("Xxog.", min_size=1, max_size=8), min_size=4, max_size=4)


@given(BEATS)
def test_every_beat_is_divided_evenly(beats: list[str]) -> None:
    found = hits(" ".join(beats))
    assert len(found) == sum(len(beat) - beat.count(".") for beat in beats)
    assert [step for step, _ in found] == sorted({step for step, _ in found})
    for step, velocity in found:
        group = beats[int(step // 4)]
        place = (step % 4) * len(group) / 4
        assert place == pytest.approx(round(place)) and LEVELS[group[round(place)]] == velocity


def test_sixteenths_triplets_and_thirty_seconds() -> None:
    assert [step for step, _ in hits("x..x .... xxx xx......")] == pytest.approx([0, 3, 8, 28 / 3, 32 / 3, 12, 12.5])


@pytest.mark.parametrize("pattern", ["x... x... x...", "x... x... x... y...", "", "x"])
def test_what_is_no_bar_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no bar of four beats"):
        hits(pattern)


@pytest.mark.parametrize("name", GROOVES)
def test_every_pattern_can_be_read(name: str) -> None:
    groove = GROOVES[name]
    pairs = [p for pair in (*groove.kicks, *groove.snares, *groove.hats) for p in pair]
    for pattern in (*pairs, *groove.turns, *groove.opens, *(p for fill in groove.fills for p in fill)):
        hits(pattern)
    assert all(hits(pattern) and part in DRUM_PARTS for part, pattern in groove.extras)
    assert set(groove.back) <= set(DRUM_PARTS) and groove.fills and groove.turns


@pytest.mark.parametrize("name", GROOVES)
def test_every_bar_begins_with_a_kick(name: str) -> None:
    groove = GROOVES[name]
    assert all(hits(kick)[0][0] == 0 for pair in groove.kicks for kick in pair)
    assert all(hits(kick)[0][0] == 0 for kick, _, _ in groove.fills)


@pytest.mark.parametrize("name", ["dubstep", "riddim", "brostep", "trap"])
def test_half_time_has_its_snare_on_the_third_beat_alone(name: str) -> None:
    groove = GROOVES[name]
    for snare in (s for pair in groove.snares for s in pair):
        assert [step for step, velocity in hits(snare) if velocity > LEVELS["g"]] == [8]
    for kick in (k for pair in groove.kicks for k in pair):
        assert 8 not in [step for step, _ in hits(kick)]


@pytest.mark.parametrize("name", ["boom bap", "lo-fi"])
def test_what_swings_plays_odd_sixteenths(name: str) -> None:
    groove = GROOVES[name]
    for kick in groove.kicks:
        for snare in groove.snares:
            for hat in groove.hats:
                for turn in groove.turns:
                    played = [step for p in (*kick, *snare, *hat, turn) for step, _ in hits(p)]
                    assert any(step % 2 == 1 for step in played)
