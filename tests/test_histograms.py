"""Histograms: every track is in one bar, also the unknown, and bins hold what their label says."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lowend import histograms

VALUES = st.lists(st.none() | st.integers(-7000, 400_000).map(lambda n: n / 100))


@given(VALUES, VALUES, st.sampled_from([1, 5]))
def test_every_number_is_in_the_one_bin_whose_label_covers_it(
    before: list[float | None], after: list[float | None], width: float
) -> None:
    found = histograms.numbers("Loudness", "LUFS", {"before": before, "after": after}, width)
    assert len(found.rows) <= 21
    for n, values in enumerate((before, after)):
        assert sum(row.counts[n] for row in found.rows) == len(values)
        for row in found.rows:
            if row.label == histograms.UNKNOWN:
                assert row.counts[n] == values.count(None)
                continue
            middle, half = map(float, re.fullmatch(r"(\S+) ± (\S+)", row.label).groups())
            assert row.counts[n] == sum(v is not None and middle - half <= v < middle + half for v in values)


def test_tempi_around_140_share_a_bin() -> None:
    found = histograms.numbers("Tempo", "BPM", {"tracks": [139.5, 140.0, 140.4, None]}, 5)
    assert [(row.label, row.counts) for row in found.rows] == [("140 ± 2.5", (3,)), ("unknown", (1,))]


def test_words_come_by_place_then_by_number_and_the_unknown_last() -> None:
    found = histograms.words("Key", "key", ["b", "", "", "", "a", "b", "c"], {"c": 0})
    assert [(row.label, row.counts) for row in found.rows] == [
        ("c", (1,)),
        ("b", (2,)),
        ("a", (1,)),
        ("unknown", (3,)),
    ]
    assert [found.widths(row) for row in found.rows] == [[33.3], [66.7], [33.3], [100.0]]


@given(st.lists(st.text(max_size=3)))
def test_no_word_is_lost_among_many(values: list[str]) -> None:
    found = histograms.words("Sub-genre", "sub-genre", [*values, *map(str, range(100, 150))])
    assert len(found.rows) == 25
    assert sum(row.counts[0] for row in found.rows) == len(values) + 50


def test_nothing_to_count_is_no_error() -> None:
    assert histograms.numbers("Tempo", "BPM", {"tracks": []}, 5).rows == ()
    assert histograms.words("Key", "key", []).rows == ()
