"""Every evaluated model of a genre beside the base model, from the JSON files of train and evaluate."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowend.errors import UserError
from lowend.figures import DESCRIPTIONS, DISTANCES, SHARES, verdict

BASE = "base"
CHANGE = "its change (paired)"
OWN = "its own, on held-out tracks"
STEPS, CE = "optimizer steps", "held-out cross-entropy (nats)"
MEASURES = (STEPS, CE, *(title for name, title in SHARES if name in ("genre_probability", "tempo_right")))
"""Titles of the rows that README.md shows."""
Metrics = Mapping[str, float]
Section = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Params:
    """The sections of params.yaml that say what is compared."""

    curriculum: Section
    generations: Section
    evaluations: Section


@dataclass(frozen=True, slots=True)
class Column:
    """One model: its evaluation's key, the clips that it is held against, its optimizer steps and figures."""

    name: str
    against: str
    steps: int
    values: Metrics


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure with its interval, and the tone of its verdict."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A genre's models as columns; each row has a title and a cell for each of them."""

    genre: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


def read(paths: Mapping[str, Path]) -> dict[str, Metrics]:
    """The JSON file of each key.

    Raises:
        UserError: one is not there.
    """
    missing = [str(path) for path in paths.values() if not path.exists()]
    if missing:
        raise UserError(f"{', '.join(missing)} not found: run `make repro` first")
    return {key: json.loads(path.read_text()) for key, path in paths.items()}


def by_genre(params: Params, metrics: Path) -> dict[str, list[Column]]:
    """The models of every genre that is evaluated, from the folder with `train` and `evaluate`.

    Raises:
        UserError: a metrics file is missing.
    """
    trained = read({key: metrics / "train" / key / "metrics.json" for key in params.curriculum})
    judged = read({key: metrics / "evaluate" / f"{key}.json" for key in params.evaluations})
    genres = dict.fromkeys(entry["genre"] for entry in params.evaluations.values())
    return {genre: columns(genre, params, trained, judged) for genre in genres}


def tables(params: Params, metrics: Path) -> list[Table]:
    """A table for each of them.

    Raises:
        UserError: a metrics file is missing.
    """
    return [table(genre, found) for genre, found in by_genre(params, metrics).items()]


def steps(model: str, curriculum: Section, trained: Mapping[str, Metrics]) -> int:
    """Optimizer steps of a model: its own and those of all that it starts from."""
    total = 0
    while model != BASE:
        total += int(trained[model]["last_step"])
        model = curriculum[model]["init"]
    return total


def columns(genre: str, params: Params, trained: Mapping[str, Metrics], judged: Mapping[str, Metrics]) -> list[Column]:
    """The base, then the genre's evaluations in their order.

    The base's figures are those that an evaluation found in the clips it is held against.
    """
    found = []
    base: dict[str, float] = {}
    for key, entry in params.evaluations.items():
        if entry["genre"] != genre:
            continue
        m, against = judged[key], entry["against"]
        if params.generations[against]["model"] == BASE:
            base |= {name.removeprefix("against_"): m[name] for name in m if name.startswith("against_")}
        base |= {name.replace("ce_base", "ce"): m[name] for name in m if name.startswith("ce_base")}
        found.append(Column(key, against, steps(entry["model"], params.curriculum, trained), m))
    return [Column(BASE, "", 0, base), *found]


def table(genre: str, found: Sequence[Column]) -> Table:
    """A genre's models side by side; rows of which none has the figure are left out."""
    rows = [
        (STEPS, [Cell(str(c.steps)) for c in found]),
        (CE, [value(c.values, "ce", ".3f") for c in found]),
        (CHANGE, [_change(c.values, "ce_change", "+.3f", BASE) for c in found]),
    ]
    for name, title, digits in DISTANCES:
        form = f".{digits}f"
        rows.append((title, [value(c.values, name, form) for c in found]))
        rows.append((CHANGE, [_change(c.values, f"{name}_change", f"+{form}", c.against) for c in found]))
    for name, title in (*SHARES, *DESCRIPTIONS):
        rows.append((title, [value(c.values, name, ".0%") for c in found]))
        if name.startswith("classified_"):
            rows.append((OWN, [value(c.values, f"real_{name}", ".0%") for c in found]))
    return Table(genre, [c.name for c in found], [row for row in rows if any(cell.text for cell in row[1])])


def value(m: Metrics, name: str, form: str) -> Cell:
    """`value (low … high)`; without the interval, or empty, where there is none."""
    if name not in m:
        return Cell("")
    if f"{name}_low" not in m:
        return Cell(format(m[name], form))
    return Cell(f"{m[name]:{form}} ({m[f'{name}_low']:{form}} … {m[f'{name}_high']:{form}})")


def _change(m: Metrics, name: str, form: str, against: str) -> Cell:
    """A difference to the model `against`, in the tone of its verdict."""
    if name not in m:
        return Cell("")
    _, tone = verdict(m[f"{name}_low"], m[f"{name}_high"])
    return Cell(f"{value(m, name, form).text} from {against}", tone)


def markdown(found: Sequence[Table], titles: Collection[str] = ()) -> str:
    """The tables for a page, with all their rows or those of some titles."""
    blocks = []
    for table in found:
        lines = [f"| {table.genre} | {' | '.join(table.columns)} |", "|---" * (len(table.columns) + 1) + "|"]
        lines += [
            f"| {title} | {' | '.join(cell.text for cell in cells)} |"
            for title, cells in table.rows
            if not titles or title in titles
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
