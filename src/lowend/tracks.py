"""The track table: one schema for tracks.csv, captions, clusters' input and splits."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from lowend.errors import UserError

Section = dict[str, float | str]
"""{name, start, end}, in seconds."""


def parse_sections(text: str) -> list[Section]:
    """The sections of a `structure` cell: JSON like [{"name": "drop", "start": 30.0, "end": 45.5}].

    Raises:
        ValueError: the text is something else, or a section does not end after it starts.
    """
    found = json.loads(text) if text else []
    if not isinstance(found, list):
        raise ValueError("not a list")
    for section in found:
        if not isinstance(section, dict) or not isinstance(section.get("name"), str):
            raise ValueError(f"{section!r} is no section with a name")
        if not 0 <= float(section.get("start", -1)) < float(section.get("end", -1)):
            raise ValueError(f"{section!r} does not end after it starts")
    return found


def clip_sections(sections: Sequence[Section], start_s: float, end_s: float) -> list[Section]:
    """Sections as they are heard between two times, which become 0 and the end."""
    cut: list[Section] = []
    for section in sections:
        start = max(float(section["start"]), start_s)
        end = min(float(section["end"]), end_s)
        if start < end:
            cut.append({**section, "start": round(start - start_s, 3), "end": round(end - start_s, 3)})
    return cut


@dataclass(frozen=True, slots=True)
class Track:
    """One row. Strings are empty and numbers None where nothing is known.

    What analysis writes beside tempo, key, structure and energy: `bpm_confidence` and `key_confidence`
    (0..1), `chords` (`Am, F, C, G`), `swing` (delay of odd sixteenths in sixteenths), `wobble_hz` (rate
    of the bass envelope, where the source does not know it), `sub_bass_share` (of the power, 20-60 Hz),
    `brightness_hz` (spectral centroid), `downbeats` (seconds at which bars begin, separated by spaces),
    `analysis` (the backend that ran), `flags` (doubts, separated by semicolons). `variants` is a JSON
    list of captions that training draws from; `caption` is the first of them.
    """

    id: str
    file_path: str
    title: str = ""
    artist: str = ""
    genre: str = ""
    sub_genre: str = ""
    caption: str = ""
    bpm: float | None = None
    key: str = ""
    instruments: str = ""
    duration: float | None = None
    structure: str = ""
    synthesis_type: str = ""
    energy_level: str = ""
    bpm_confidence: float | None = None
    key_confidence: float | None = None
    chords: str = ""
    swing: float | None = None
    wobble_hz: float | None = None
    sub_bass_share: float | None = None
    brightness_hz: float | None = None
    downbeats: str = ""
    analysis: str = ""
    flags: str = ""
    variants: str = ""
    licence: str = ""
    licence_url: str = ""
    attribution: str = ""
    source_url: str = ""
    sha256: str = ""
    fingerprint: str = ""
    tier: int = 3

    @property
    def sections(self) -> list[Section]:
        """Timed sections, empty where the structure is unknown."""
        return parse_sections(self.structure)

    @property
    def bars(self) -> list[float]:
        """Seconds at which bars begin, empty where there is no beat."""
        return [float(time) for time in self.downbeats.split()]

    @property
    def texts(self) -> list[str]:
        """The captions that training draws from: the variants, or the one caption."""
        return list(json.loads(self.variants)) if self.variants else [self.caption]


COLUMNS = tuple(f.name for f in dataclasses.fields(Track))
_FLOATS = tuple(f.name for f in dataclasses.fields(Track) if f.type == "float | None")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that was set aside, where, and why."""

    file_path: str
    stage: str
    reason: str


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class _Lines:
    """Takes the rows of csv.writer, which quotes a lone CR only if line ends hold one, and ends them with LF."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def write_csv(path: Path, rows: Iterable[Any], columns: Sequence[str]) -> None:
    """Write attributes of `rows` as CSV with fixed quoting and line ends (the same rows, the same bytes)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(_Lines(file))
        writer.writerow(columns)
        writer.writerows([_cell(getattr(row, c)) for c in columns] for row in rows)


def write_tracks(path: Path, tracks: Iterable[Track]) -> None:
    """Write a track table, ordered by id."""
    write_csv(path, sorted(tracks, key=lambda t: t.id), COLUMNS)


def write_rejected(path: Path, rejected: Iterable[Rejected]) -> None:
    """Write rejected.csv, ordered by file."""
    write_csv(path, sorted(rejected, key=lambda r: r.file_path), ("file_path", "stage", "reason"))


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file as dicts; a byte-order mark is skipped.

    Raises:
        UserError: the file is missing or is not UTF-8 text.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"{path} not found") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save it as UTF-8 CSV") from None


def read_tracks(path: Path) -> list[Track]:
    """Read a track table.

    Raises:
        UserError: the file is missing, lacks a column, or holds a word where a number belongs.
    """
    rows = read_csv(path)
    return [_track(row, path) for row in rows]


def _track(row: dict[str, str], path: Path) -> Track:
    missing = [c for c in COLUMNS if c not in row]
    if missing:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}")
    values: dict[str, object] = {c: row[c] for c in COLUMNS}
    for name in _FLOATS:
        values[name] = number(row[name], f"{path}: {name} of {row['id']}")
    values["tier"] = int(number(row["tier"], f"{path}: tier of {row['id']}") or 3)
    return Track(**values)  # type: ignore[arg-type]


def number(text: str | None, where: str) -> float | None:
    """A float, or None for an empty cell.

    Raises:
        UserError: the text is not a number.
    """
    if not text or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where} must be a number, got {text!r}")
    return value


def read_rejected(path: Path) -> list[Rejected]:
    """Read rejected.csv."""
    return [Rejected(**row) for row in read_csv(path)]


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys: the same value, the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")
