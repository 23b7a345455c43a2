"""What a user keeps about a source's tracks: `metadata.csv`, which wins, and `exclude.csv`, in the source's folder.

Both name tracks by `file_path` as the source's track table does. `metadata.csv` holds any columns of the
track table that a user may say; an empty cell says nothing. `exclude.csv` may give a `reason`.
"""

from __future__ import annotations

import codecs
import dataclasses
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from lowend import licences
from lowend.errors import UserError
from lowend.sources import Fetched
from lowend.tracks import COLUMNS, Rejected, Track, number, parse_sections, read_csv, write_csv

METADATA, EXCLUDE = "metadata.csv", "exclude.csv"
NUMBERS = {"bpm": (20.0, 400.0, "beats a minute"), "wobble_hz": (0.1, 30.0, "turns a second")}
"""Columns of numbers: least, most and unit."""
_MEASURED = (
    *("id", "sha256", "fingerprint", "tier", "bpm_confidence", "key_confidence", "swing"),
    *("sub_bass_share", "brightness_hz", "downbeats", "analysis", "flags", "variants"),
)
"""Columns that a user cannot say."""
_KEPT = ("genre", "duration")
"""Columns that a user's table may hold, and that stay what they are."""
_SPELT = {"license": "licence", "filename": "file_path"}

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows of metadata.csv without their empty cells, and the reasons of exclude.csv, by `file_path`."""

    said: dict[str, Row]
    excluded: dict[str, str]


def composed(name: str) -> str:
    """One spelling of a name: some file systems store `é` as two code points, tables hold one."""
    return unicodedata.normalize("NFC", name)


def read(folder: Path) -> Tables:
    """The two tables of a folder; one that is missing is empty.

    Raises:
        UserError: a table has an unknown column or a cell that means nothing.
    """
    said = {name: _checked(row, folder / METADATA, name) for name, row in _rows(folder / METADATA).items()}
    excluded = _rows(folder / EXCLUDE, extra=("reason",))
    return Tables(said, {name: row.get("reason", "").strip() or "no reason given" for name, row in excluded.items()})


def apply(found: Fetched, tables: Tables) -> Fetched:
    """Leave out what is excluded, and put what the user says in the place of what the source said."""
    kept = [_told(t, tables.said.get(t.file_path, {})) for t in found.tracks if t.file_path not in tables.excluded]
    excluded = [left_out(t.file_path, tables) for t in found.tracks if t.file_path in tables.excluded]
    return Fetched(kept, [*found.rejected, *excluded])


def left_out(name: str, tables: Tables) -> Rejected:
    """How an excluded track is reported."""
    return Rejected(name, "download", f"{EXCLUDE}: {tables.excluded[name]}")


def strays(found: Fetched, tables: Tables) -> list[Rejected]:
    """Rows that name no track of the source, neither a usable one nor one that was set aside."""
    names = {t.file_path for t in found.tracks} | {r.file_path for r in found.rejected}
    return [
        Rejected(name, "download", f"{table}: no such audio file")
        for table, rows in ((METADATA, tables.said), (EXCLUDE, tables.excluded))
        for name in sorted(rows.keys() - names)
    ]


def check(column: str, text: str) -> str:
    """A cell as the track table holds it.

    Raises:
        ValueError: the text means nothing in its column; the message says what would.
    """
    text = text.strip()
    if column in NUMBERS and text:
        try:
            value = number(text, column)
        except UserError as error:
            raise ValueError(str(error)) from None
        least, most, unit = NUMBERS[column]
        if value and not least <= value <= most:
            raise ValueError(f"{column} must be {least:g} to {most:g} {unit}, got {text}")
        return text if value else ""
    if column == "structure":
        try:
            parse_sections(text)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f'structure ({error}) must be JSON like [{{"name": "drop", "start": 30.0, "end": 45.5}}], in seconds'
            ) from None
    return text


def save(path: Path, changes: Mapping[str, Row]) -> None:
    """Set cells of a metadata.csv, by `file_path` and column; its other rows, columns and cells stay.

    Rows and columns that it lacks are added at its end. The file is replaced in one step.

    Raises:
        UserError: the table, as it is or with the changes, is not one that `read` accepts.
    """
    known = _rows(path)
    rows = read_csv(path) if path.exists() else []
    columns = list(rows[0]) if rows else ["file_path"]
    names = [_name(row) for row in rows]
    rows += [{"file_path": name, "filename": name} for name in sorted(changes.keys() - known.keys())]
    names += sorted(changes.keys() - known.keys())
    for name, row in zip(names, rows, strict=True):
        for column, text in changes.get(name, {}).items():
            row[_spelt(column, columns)] = check(column, text)
    columns += sorted({_spelt(c, columns) for row in changes.values() for c in row} - set(columns))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".csv.tmp")
    write_csv(partial, [SimpleNamespace(**{c: row.get(c) for c in columns}) for row in rows], columns)
    if path.exists() and path.read_bytes().startswith(codecs.BOM_UTF8):  # a spreadsheet needs it
        partial.write_bytes(codecs.BOM_UTF8 + partial.read_bytes())
    partial.replace(path)


def _spelt(column: str, columns: Collection[str]) -> str:
    """The name under which a table has a column."""
    return next((other for other, name in _SPELT.items() if name == column and other in columns), column)


def _name(row: Mapping[str, str]) -> str:
    return composed((row.get("file_path") or row.get("filename") or "").strip().removeprefix("./"))


def _rows(path: Path, extra: tuple[str, ...] = ()) -> dict[str, Row]:
    """Rows by name, under the track table's column names."""
    if not path.exists():
        return {}
    rows = read_csv(path)
    known = {*COLUMNS, *extra, *_SPELT} - set(_MEASURED)
    for column in rows[0] if rows else ():
        if column is not None and column not in known:
            raise UserError(f"{path}: unknown column {column!r}; known are {', '.join(sorted(known))}")
    table = {}
    for row in rows:
        name = _name(row)
        if None in row:
            raise UserError(f"{path}: the row of {name} has more cells than the header; quote text that holds commas")
        if not name:
            raise UserError(f"{path}: each row needs a file_path, relative to the folder")
        told = {_SPELT.get(column, column): text for column, text in row.items() if text and text.strip()}
        table[name] = told
    return table


def _checked(row: Row, path: Path, name: str) -> Row:
    try:
        cells = {column: check(column, text) for column, text in row.items()}
    except ValueError as error:
        column, _, wrong = str(error).partition(" ")
        raise UserError(f"{path}: {column} of {name} {wrong}") from None
    return {column: text for column, text in cells.items() if text and column != "file_path"}


def _told(track: Track, said: Row) -> Track:
    """The track with what is said of it; a licence brings its tier."""
    values: dict[str, object] = {c: text for c, text in said.items() if c in COLUMNS and c not in _KEPT}
    values |= {column: number(said[column], column) for column in NUMBERS if column in values}
    if "licence" in values:
        licence = licences.normalise(said["licence"])
        values |= {"licence": licence, "tier": licences.tier(licence)}
    return dataclasses.replace(track, **values)  # type: ignore[arg-type]
