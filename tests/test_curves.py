"""Curves: what `dvc plots` draws says which model is how far, and at which tempi prompts are kept."""

from __future__ import annotations

from lowend import curves
from lowend.comparison import Column
from lowend.curves import Distance, Kept


def test_models_without_a_distance_are_left_out() -> None:
    found = {"hiphop": [Column("base", "", 0, {"fad": 3.0}), Column("full", "base", 9, {})],
             "dubstep": [Column("full", "base", 9, {"fad": 2.0})]}  # fmt: skip
    assert curves.distances(found) == [Distance("hiphop: base", 3.0), Distance("dubstep: full", 2.0)]


def test_a_band_counts_the_models_clips_that_were_asked_for_its_tempi() -> None:
    rows = [
        {"side": side, "asked_bpm": bpm, "tempo_right": right}
        for side, bpm, right in (
            ("model", "80", "True"), ("model", "99.9", "False"), ("model", "99", "False"), ("model", "140", "True"),
            ("model", "", "True"), ("against", "140", "False"),
        )
    ]  # fmt: skip
    assert curves.adherence("full", rows) == [Kept("full", 90, 0.3333, 3), Kept("full", 150, 1.0, 1)]
