"""Drops are where the sub-bass comes back, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import structure

RATE = 8000


def passage(plan: list[tuple[bool, float]], level: float = 0.5, rate: int = RATE) -> np.ndarray:
    """Mono audio from (has sub-bass, seconds); hats everywhere, so that nothing is silent."""
    parts = []
    for loud, seconds in plan:
        t = np.arange(int(seconds * rate)) / rate
        parts.append(0.1 * np.sin(2 * np.pi * 2500 * t) + loud * level * np.sin(2 * np.pi * 55 * t))
    return np.concatenate(parts).astype(np.float32)[None]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(8, 14), st.integers(8, 14)), min_size=1, max_size=3),
    st.sampled_from([0.05, 0.8]),
    st.sampled_from([RATE, 32000]),
)
def test_each_return_of_the_bass_is_one_drop(lengths: list[tuple[int, int]], level: float, rate: int) -> None:
    plan = [(loud, float(s)) for quiet, drop in lengths for loud, s in ((False, quiet), (True, drop))]
    found = structure.find_drops(passage(plan, level, rate), rate, 4.0)
    ends = np.cumsum([seconds for _, seconds in plan])
    assert len(found) == len(lengths) and {s["name"] for s in found} == {"drop"}
    for n, section in enumerate(found):
        assert float(section["start"]) == pytest.approx(ends[2 * n], abs=1)
        assert float(section["end"]) == pytest.approx(ends[2 * n + 1], abs=1.5)


@pytest.mark.parametrize(
    "plan",
    [
        [(True, 20.0)],
        [(False, 20.0)],
        [(True, 12.0), (False, 12.0)],
        [(False, 12.0), (True, 1.0), (False, 12.0)],
        [(False, 1.0), (True, 2.0)],
    ],
    ids=["bass throughout", "no bass", "bass at the start only", "too short a drop", "too short a track"],
)
def test_no_drop_without_something_to_drop_from(plan: list[tuple[bool, float]]) -> None:
    assert structure.find_drops(passage(plan), RATE, 4.0) == []


@pytest.mark.parametrize(("step_db", "drops"), [(2.0, 0), (8.0, 1), (20.0, 1)])
def test_bass_that_only_gets_louder_is_a_drop_from_four_decibels_on(step_db: float, drops: int) -> None:
    soft = passage([(True, 12.0)], 0.5 * 10 ** (-step_db / 20))
    found = structure.find_drops(np.concatenate([soft, passage([(True, 10.0)])], 1), RATE, 4.0)
    assert len([s for s in found if float(s["start"]) > 8]) == drops


def test_silence_has_no_drop_and_stereo_is_heard_as_its_mean() -> None:
    assert structure.find_drops(np.zeros((2, 20 * RATE), np.float32), RATE, 4.0) == []
    mono = passage([(False, 10.0), (True, 10.0)])
    assert structure.find_drops(np.repeat(mono, 2, 0), RATE, 4.0) == structure.find_drops(mono, RATE, 4.0)


def test_only_long_drops_are_trained_on() -> None:
    sections: list[structure.Section] = [
        {"name": "intro", "start": 0.0, "end": 30.0},
        {"name": "drop", "start": 30.0, "end": 34.0},
        {"name": "drop", "start": 40.0, "end": 43.9},
    ]
    assert structure.drops(sections, 4.0) == [(30.0, 34.0)]
    assert structure.drops([], 4.0) == []
