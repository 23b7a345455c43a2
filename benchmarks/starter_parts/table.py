"""The table of the starter kit: rows with a value, the bar it must pass, and whether it does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lowend import cache


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `passed` is None where there is no bar; a row that was not run has not passed."""

    row: str
    value: float | None
    bar: float | None
    passed: bool | None
    figures: dict[str, Any]
    kit: dict[str, str] = field(default_factory=dict)
    """Hashes of the parts of the kit that it was measured with, by path."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured: the kit, and what the caller named besides; None and () where nothing was."""

    root: Path  # of the repository
    kit: Path
    clips: int  # prompts of a genre
    loops: Path | None
    lmms: Path | None
    tuned: tuple[Path, ...]  # one model for both genres, or hip-hop's and dubstep's
    repro_s: float | None


def at_least(row: str, value: float, bar: float, figures: Mapping[str, Any]) -> Row:
    """A row that passes from the bar upwards."""
    return Row(row, round(value, 4), round(bar, 4), bool(value >= bar), dict(figures))


def at_most(row: str, value: float, bar: float, figures: Mapping[str, Any]) -> Row:
    """A row that passes from the bar downwards."""
    return Row(row, round(value, 4), round(bar, 4), bool(value <= bar), dict(figures))


def reported(row: str, value: float, figures: Mapping[str, Any]) -> Row:
    """A row without a bar."""
    return Row(row, round(value, 4), None, None, dict(figures))


def not_run(row: str, why: str, has_bar: bool = True) -> Row:
    """A row that could not be measured; where it has a bar it counts as not passed."""
    return Row(row, None, None, False if has_bar else None, {"not_run": why})


def passed_share(rows: Iterable[Row]) -> float:
    """Share of the rows with a bar that pass it, 0..1; 0 of none."""
    judged = [row.passed for row in rows if row.passed is not None]
    return round(sum(judged) / max(len(judged), 1), 4)


def is_of(row: Row, kit: Path) -> bool:
    """Whether a row was measured with the kit as it is: with all parts of it that the row names, and it names some."""
    now = {part: cache.files(kit / part) for part in row.kit if (kit / part).exists()}
    return bool(now) and now == row.kit


def merged(path: Path, kit: Path, rows: Sequence[Row]) -> list[Row]:
    """`rows`, and those that the file holds of this kit and that this run lacks or could not measure."""
    before = [Row(**row) for row in json.loads(path.read_text())["rows"]] if path.exists() else []
    kept = {row.row: row for row in before if is_of(row, kit)}
    fresh = {row.row: row for row in rows if row.row not in kept or "not_run" not in row.figures}
    return list((kept | fresh).values())


def as_case(row: Row) -> dict[str, Any]:
    """A row as JSON has it."""
    return asdict(row)


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """What starter/metrics/starter.json holds."""
    return {"passed_share": passed_share(rows), "rows": [as_case(row) for row in rows]}
