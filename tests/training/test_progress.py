"""The console's line: from the typical step, and curves that stay short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowend.training.progress import Pace, every, line


def test_a_slow_start_and_a_validation_do_not_move_the_time_left() -> None:
    now = [0.0]
    pace = Pace(1000, 800, lambda: now[0])
    for step in range(1, 31):
        now[0] += 60.0 if step in (1, 20) else 2.0
        found = line(pace.figures(step))
    assert found == "400 tokens/s, 0:32:20 left"


def test_replayed_steps_do_not_look_fast_for_long() -> None:
    now = [0.0]
    pace = Pace(7200, 10, lambda: now[0])
    for _ in range(500):
        pace.figures(1)
    for step in range(501, 520):
        now[0] += 1.0
        found = line(pace.figures(step))
    assert found == "10 tokens/s, 1:51:21 left"


@given(st.integers(1, 10**6))
def test_a_curve_has_five_hundred_rows_at_most(steps: int) -> None:
    kept = sum(1 for _ in range(every(steps), steps + 1, every(steps)))
    assert kept <= 500 and (steps < 500) <= (every(steps) == 1) and kept >= min(steps, 250)
