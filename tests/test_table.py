"""The table of what was forgotten: both models' figures of every entry, and dashes where there are none."""

from __future__ import annotations

import table

ASKED = {"mine": {"model": "mine", "against": "base", "genre": "dubstep", "other": "hiphop"}}
NATS = {
    "against_ce_other": 5.0, "ce_other": 5.2, "ce_other_change": 0.2, "ce_other_change_low": 0.1,
    "ce_other_change_high": 0.3,
}  # fmt: skip
CLIPS = {
    "against_tempo_right": 0.5, "tempo_right": 0.25, "against_leak": 0.1, "leak": 0.9, "leak_change": 0.8,
    "leak_change_low": 0.7, "leak_change_high": 0.85,
}  # fmt: skip


def cells(found: dict[str, float]) -> list[str]:
    lines = table.forgotten(ASKED, {"mine": found}).splitlines()
    assert len({line.count("|") for line in lines}) == 1, "every line has a cell for each column"
    return [cell.strip() for cell in lines[2].strip("|").split("|")]


def test_a_row_tells_what_became_of_the_other_genre_and_of_other_music() -> None:
    assert cells(NATS | CLIPS) == [
        "mine", "base", "hiphop", "5.000", "5.200", "+0.200 (+0.100 … +0.300)", "50% → 25%", "10% → 90%",
        "+80% (+70% … +85%)",
    ]  # fmt: skip


def test_what_was_not_asked_for_or_cannot_be_heard_is_a_dash() -> None:
    assert cells(NATS)[-3:] == ["–", "–", "–"]
