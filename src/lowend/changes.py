"""What a change to the repository changed: parameters, metrics and data of a revision beside the working tree's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from lowend.figures import DISTANCES, SHARES

SIDES = ("train", "valid", "test")
_ENDS = ("_low", "_high")
_LOWER = re.compile(
    rf"(ce|perplexity|kld|{'|'.join(name for name, *_ in DISTANCES)})(_|$)"
    r"|.*_(error|error_bpm)$|key_distance$|instruments_false$|train_overlap$|clipped_share$|leak$|drift_(kld|mmd)$"
)
_HIGHER = re.compile(
    rf"({'|'.join(name for name, _ in SHARES)})$|.*_right$|(clap|preference|genre|quality|creativity)$"
)
_ORDER = ("worse", "better", "lower", "higher", "", "new", "gone", "within noise")
_MOST_ROWS = 100  # of a table: a comment on GitHub holds 65,536 characters


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value, and its 95 % interval where it has one."""

    value: Any
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return _text(self.value)
        return f"{_text(self.value)} ({_text(self.low)} … {_text(self.high)})"


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one file before and after, and what its intervals say of the change."""

    name: str
    before: Figure | None
    after: Figure | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Song:
    """A track of the data: its genre, its side of the split, its hours and licence."""

    genre: str
    side: str
    hours: float
    licence: str


Metrics = Mapping[str, Mapping[str, Any]]
"""The content of every metrics file, by its path."""

Songs = Mapping[str, Song]
"""Tracks of all splits, by genre and id."""


def _text(value: object) -> str:
    """A number in at most five digits, a list or word as it is; safe in a cell of Markdown."""
    shown = f"{value:.5g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False).strip('"')
    return shown.replace("|", "\\|")


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves by dotted name; lists are leaves."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        inner = flatten(value) if isinstance(value, Mapping) and value else {"": value}
        flat |= {f"{key}.{name}" if name else str(key): leaf for name, leaf in inner.items()}
    return flat


def figures(metrics: Metrics) -> dict[str, Figure]:
    """Every metric by `file: name`; the keys of an interval are folded into the metric that they belong to."""
    found = {}
    for file, tree in metrics.items():
        flat = flatten(tree)
        for name, value in flat.items():
            if name.endswith(_ENDS) and name.rpartition("_")[0] in flat:
                continue
            found[f"{file}: {name}"] = Figure(value, *(flat.get(f"{name}{end}") for end in _ENDS))
    return found


def verdict(name: str, before: Figure, after: Figure) -> str:
    """What the intervals say: they must not overlap for a change to be more than noise.

    Without intervals nothing can be said; where neither end is better it is higher or lower.
    """
    ends = (before.low, before.high, after.low, after.high)
    if any(end is None for end in ends):
        return ""
    low, high, new_low, new_high = (float(end) for end in ends if end is not None)
    if new_low <= high and low <= new_high:
        return "within noise"
    is_higher = new_low > high
    stem = name.rpartition(": ")[2].rpartition(".")[2].removeprefix("against_").removesuffix("_change")
    for better, pattern in ((True, _HIGHER), (False, _LOWER)):
        if pattern.match(stem):
            return "better" if is_higher is better else "worse"
    return "higher" if is_higher else "lower"


def compare(before: Metrics, after: Metrics) -> list[Row]:
    """Every metric that is not the same, what is worse first."""
    old, new = figures(before), figures(after)
    rows = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        said = verdict(name, was, now) if was and now else ("new" if now else "gone")
        rows.append(Row(name, was, now, said))
    return sorted(rows, key=lambda row: (_ORDER.index(row.verdict), row.name))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; of a long one the first rows, and how many there are more."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows[:_MOST_ROWS]]
    more = len(rows) - _MOST_ROWS
    return "\n".join([*lines, *([f"\n{more} more: `dvc metrics diff`, `dvc params diff`."] if more > 0 else [])])


def params_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Parameters that are not the same."""
    old, new = flatten(before), flatten(after)
    names = sorted(
        name for name in old.keys() | new.keys() if name not in old or name not in new or old[name] != new[name]
    )
    rows = [[f"`{name}`", *(_text(side[name]) if name in side else "–" for side in (old, new))] for name in names]
    return table(("parameter", "before", "after"), rows) if rows else "No parameter changed."


def metrics_text(before: Metrics, after: Metrics) -> str:
    """The diff of metrics: what is more than noise in sight, the rest folded away."""
    rows = compare(before, after)
    if not rows:
        return "No metric changed."
    counts = {said: sum(row.verdict == said for row in rows) for said in ("worse", "better", "within noise")}
    told = [row for row in rows if row.verdict in ("worse", "better", "higher", "lower")]
    rest = [row for row in rows if row not in told]
    parts = [", ".join(f"{count} {said}" for said, count in counts.items()) + ", by intervals that do not overlap."]
    if told:
        parts.append(_rows(told))
    if rest:
        parts.append(f"<details><summary>{len(rest)} more that differ</summary>\n\n{_rows(rest)}\n\n</details>")
    return "\n\n".join(parts)


def _rows(rows: Sequence[Row]) -> str:
    cells = [[f"`{row.name}`", row.before or "–", row.after or "–", row.verdict] for row in rows]
    return table(("metric", "before", "after", "verdict"), cells)


def songs(tables: Mapping[tuple[str, str], Iterable[Mapping[str, str]]]) -> dict[str, Song]:
    """Tracks of the splits' tables, which are named by (genre, side)."""
    return {
        f"{genre}/{row['id']}": Song(genre, side, float(row["duration"] or 0) / 3600, row["licence"] or "unknown")
        for (genre, side), rows in tables.items()
        for row in rows
    }


def data_text(before: Songs, after: Songs) -> str:
    """Tracks and hours of every split, and the licences of the tracks that came and went."""
    if before == after:
        return "No track of a split changed."
    places = sorted({(s.genre, SIDES.index(s.side)) for side in (before, after) for s in side.values()})
    rows = []
    for genre, n in places:
        here = [[s for s in side.values() if (s.genre, s.side) == (genre, SIDES[n])] for side in (before, after)]
        tracks, hours = ([str(len(h)) for h in here], [f"{sum(s.hours for s in h):.2f}" for h in here])
        rows.append([genre, SIDES[n], " → ".join(tracks), " → ".join(hours)])
    came, went = (
        {key: found[key] for key in found.keys() - other.keys()} for found, other in ((after, before), (before, after))
    )
    moved = sum(before[key].side != after[key].side for key in before.keys() & after.keys())
    licences = sorted({song.licence for song in (*came.values(), *went.values())})
    parts = [table(("genre", "split", "tracks", "hours"), rows)]
    parts.append(f"{len(came)} tracks in, {len(went)} out, {moved} in another split than before.")
    if licences:
        cells = [[name, *(_amount(side, name) for side in (came, went))] for name in licences]
        parts.append(table(("licence", "in", "out"), cells))
    return "\n\n".join(parts)


def _amount(found: Songs, licence: str) -> str:
    hours = [song.hours for song in found.values() if song.licence == licence]
    return f"{len(hours)} tracks, {sum(hours):.2f} h" if hours else "–"


@dataclass(frozen=True, slots=True)
class Reports:
    """Where one side's reports can be read, and of which evaluations there are any.

    A place that ends in `/` is a folder with <key>/index.html; another one is linked as it is.
    """

    place: str
    keys: Set[str]

    def link(self, key: str, text: str) -> str:
        """The link to one report, or words where there is none."""
        if key not in self.keys:
            return f"none {text}"
        return f"[{text}]({self.place}{key}/index.html)" if self.place.endswith("/") else f"[{text}]({self.place})"


def reports_text(before: Reports, after: Reports) -> str:
    """Links to the reports of both sides."""
    keys = sorted(before.keys | after.keys)
    if not keys:
        return "There are no reports here: `dvc repro`, or `dvc pull reports`."
    return "\n".join(f"- {key}: {before.link(key, 'before')}, {after.link(key, 'after')}" for key in keys)
