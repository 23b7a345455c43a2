"""Drops are where something led up to the return of the low end, and nowhere else; sections leave no gap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import bands, beats, structure
from lowend.audio.beats import Grid
from lowend.tracks import Section

RATE = 24000
BAR_S = 2.0  # 120 BPM
NO_BEAT = Grid(None, np.zeros(0), np.zeros(0), 0.0)
T = np.arange(int(0.25 * RATE)) / RATE
SNARE = 0.5 * np.random.default_rng(0).standard_normal(len(T)) * np.exp(-T / 0.03)


def bars(plan: list[tuple[str, int]], level: float = 0.5) -> np.ndarray:
    """Mono [1, S] at 120 BPM from (passage, bars): `full` has sub-bass and snares, `thin` a quiet tone, `rise` a
    snare roll that gets denser and louder over it, `silence` nothing."""
    parts = []
    for kind, count in plan:
        length = int(count * BAR_S * RATE)
        t = np.arange(length) / RATE
        wave = 0.03 * np.sin(2 * np.pi * 700 * t) * (kind != "silence")
        if kind == "full":
            wave = wave + level * np.sin(2 * np.pi * 55 * t)
        for n in range(count * 16):
            at, progress = int(n * BAR_S / 16 * RATE), n / (count * 16)
            every = 8 if kind == "full" else 4 if progress < 0.5 else 2 if progress < 0.75 else 1
            if kind in ("full", "rise") and n % every == 0:
                gain = 0.4 if kind == "full" else 0.1 + 0.5 * progress
                wave[at : at + len(T)] += gain * SNARE[: length - at]
        parts.append(wave)
    return np.concatenate(parts).astype(np.float32)[None]


def heard(wav: np.ndarray, has_beat: bool = True) -> list[Section]:
    envelopes = bands.bands(wav, RATE)
    beat_s = np.arange(0, envelopes.seconds, BAR_S / 4)
    grid = Grid(120.0, beat_s, beat_s[::4], 1.0) if has_beat else NO_BEAT
    return structure.sections(envelopes, beats.onsets(envelopes), grid)


def names(sections: list[Section]) -> list[tuple[str, float]]:
    return [(str(s["name"]), float(s["start"])) for s in sections]


def test_a_dubstep_track_is_named_from_intro_to_outro() -> None:
    plan = [("thin", 4), ("rise", 4), ("full", 8), ("thin", 8), ("rise", 4), ("full", 8), ("thin", 4)]
    starts = (BAR_S * np.cumsum([0, 4, 4, 8, 8, 4, 8])).tolist()
    expected = ["intro", "buildup", "drop", "breakdown", "buildup", "drop", "outro"]
    assert names(heard(bars(plan))) == list(zip(expected, starts, strict=True))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(4, 8), st.integers(3, 6)), min_size=1, max_size=3),
    st.sampled_from([0.25, 0.8]),
    st.booleans(),
)
def test_each_return_of_the_bass_after_a_long_wait_is_one_drop(
    lengths: list[tuple[int, int]], level: float, has_beat: bool
) -> None:
    plan = [(kind, n) for waits, plays in lengths for kind, n in (("thin", waits), ("full", plays))]
    found = [s for s in heard(bars(plan, level), has_beat) if s["name"] == "drop"]
    ends = BAR_S * np.cumsum([n for _, n in plan])
    assert len(found) == len(lengths)
    for n, section in enumerate(found):
        assert float(section["start"]) == pytest.approx(ends[2 * n], abs=0.01 if has_beat else 0.5)
        assert float(section["end"]) == pytest.approx(ends[2 * n + 1], abs=0.01 if has_beat else 0.5)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ([("full", 12)], []),
        ([("thin", 12)], []),
        ([("silence", 12)], []),
        ([("thin", 1), ("full", 2)], []),
        ([("full", 6), ("thin", 1), ("full", 6)], []),
        ([("thin", 1), ("full", 12)], ["intro", "verse"]),
        ([("full", 6), ("thin", 6)], ["verse", "outro"]),
        ([("full", 6), ("thin", 3), ("full", 6)], ["verse", "breakdown", "verse"]),
        ([("thin", 6), ("full", 1), ("thin", 6)], []),
        ([("full", 8), ("thin", 6), ("full", 1), ("thin", 6)], ["verse", "outro"]),
        ([("full", 6), ("rise", 6)], ["verse", "outro"]),
    ],
    ids=["bass throughout", "no bass", "silence", "too short a track", "a bar of rest", "bass after a bar of intro",
         "bass at the start only", "a short rest", "too short a full passage", "a full bar in the outro",
         "a rise to the end"],
)  # fmt: skip
def test_no_drop_without_something_to_drop_from(plan: list[tuple[str, int]], expected: list[str]) -> None:
    assert [name for name, _ in names(heard(bars(plan)))] == expected


def test_a_build_up_makes_the_drop_that_a_short_wait_alone_does_not() -> None:
    assert [n for n, _ in names(heard(bars([("thin", 3), ("full", 6)])))] == ["intro", "verse"]
    assert [n for n, _ in names(heard(bars([("rise", 3), ("full", 6)])))][-2:] == ["buildup", "drop"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["thin", "full", "rise", "silence"]), st.integers(1, 6)), min_size=1, max_size=6
    ),
    st.booleans(),
)
def test_sections_cover_the_track_in_order_without_gaps(plan: list[tuple[str, int]], has_beat: bool) -> None:
    found = heard(bars(plan), has_beat)
    if found:
        assert found[0]["start"] == 0 and found[-1]["end"] == pytest.approx(BAR_S * sum(n for _, n in plan), abs=0.02)
        assert all(a["end"] == b["start"] for a, b in pairwise(found))
        assert all(s["start"] < s["end"] for s in found)


def test_a_border_moves_to_a_downbeat_at_most_a_beat_away() -> None:
    wav = np.concatenate([bars([("thin", 8)]), bars([("full", 8)])], 1)[:, int(0.3 * RATE) :]
    assert names(heard(wav))[1] == ("drop", 16.0), "the bass enters 0.3 s before the downbeat"
