"""A rate is a note value of its tempo, or none."""

from __future__ import annotations

import pytest

from lowend.note_values import note


@pytest.mark.parametrize(
    ("turns_a_beat", "name"),
    [(1, "1/4"), (2, "1/8"), (3, "1/8T"), (4, "1/16"), (1.5, "1/4T"), (2 / 3, "1/4."), (2.04, "1/8"), (3.5, "")],
)
def test_a_rate_has_a_note_value(turns_a_beat: float, name: str) -> None:
    assert note(turns_a_beat * 140 / 60, 140.0) == name


def test_no_note_value_without_rate_or_tempo() -> None:
    assert note(None, 140.0) == note(4.0, None) == ""
