"""Counts of tracks by word or by number, as rows that a page draws as bars."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

UNKNOWN = "unknown"
_MOST_WORDS, _MOST_BINS = 24, 20


@dataclass(frozen=True, slots=True)
class Row:
    """One bar, or one for each series side by side."""

    label: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """`unit` names what the labels are; `series` what is counted."""

    title: str
    unit: str
    series: tuple[str, ...]
    rows: tuple[Row, ...]

    def widths(self, row: Row) -> list[float]:
        """Lengths of a row's bars in percent of the longest of the histogram."""
        longest = max((max(r.counts) for r in self.rows), default=0)
        return [round(100 * count / longest, 1) if longest else 0.0 for count in row.counts]


def words(title: str, unit: str, values: Iterable[str], places: Mapping[str, int] | None = None) -> Histogram:
    """Tracks by a word, those with a low place first, then the most frequent; an empty word is `unknown` and last.

    Words after the 24th are counted together, as so many `more`.
    """
    counts = Counter(value or UNKNOWN for value in values)
    last = len(places or ())
    place = {word: (word == UNKNOWN, (places or {}).get(word, last), -counts[word], word) for word in counts}
    ordered = sorted(counts, key=lambda word: place[word])
    rows = [Row(word, (counts[word],)) for word in ordered[:_MOST_WORDS]]
    if rest := ordered[_MOST_WORDS:]:
        rows.append(Row(f"{len(rest)} more", (sum(counts[word] for word in rest),)))
    return Histogram(title, unit, ("tracks",), tuple(rows))


def numbers(title: str, unit: str, series: Mapping[str, Sequence[float | None]], width: float) -> Histogram:
    """Tracks by a number, in equal bins around the multiples of `width`; None is `unknown`.

    A value on the border of two bins belongs to the upper one. The width is doubled until there are at
    most 20 bins.
    """
    known = [value for values in series.values() for value in values if value is not None]
    first, last = (min(known), max(known)) if known else (0.0, 0.0)
    while _place(last, width) - _place(first, width) >= _MOST_BINS:
        width *= 2
    bins = range(_place(first, width), _place(last, width) + 1) if known else range(0)
    counts = [Counter(None if v is None else _place(v, width) for v in values) for values in series.values()]
    rows = [Row(f"{n * width:g} ± {width / 2:g}", tuple(count[n] for count in counts)) for n in bins]
    if any(count[None] for count in counts):
        rows.append(Row(UNKNOWN, tuple(count[None] for count in counts)))
    return Histogram(title, unit, tuple(series), tuple(rows))


def _place(value: float, width: float) -> int:
    return math.floor(value / width + 0.5)
