"""A user's folder: anything that libav decodes, in sub-folders, with tags and two optional tables.

`metadata.csv` in the folder (columns of the track table, `file_path` relative to the folder) wins
over tags; `exclude.csv` (`file_path`, and a `reason` if you like) names files to leave out.
"""

from __future__ import annotations

import dataclasses
import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mutagen

from lowend import licences
from lowend.audio.inspect import Inspected, inspect
from lowend.audio.io import EXTENSIONS
from lowend.errors import UserError
from lowend.sources import Fetched
from lowend.tracks import COLUMNS, Rejected, Track, number, parse_sections, read_csv
from lowend.workers import parallel_map

_TAGS = {
    "title": ("title", "TIT2", "\xa9nam"),
    "artist": ("artist", "TPE1", "\xa9ART"),
    "bpm": ("bpm", "TBPM", "tmpo", "tempo"),
    "key": ("initialkey", "TKEY", "key"),
    "licence": ("license", "WCOP", "copyright", "TCOP", "cprt"),
    "source_url": ("website", "WOAF", "WOAR", "contact"),
}
_OWN_COLUMNS = ("id", "sha256", "fingerprint", "tier")


def fetch(settings: Mapping[str, Any], path: Path, out: Path, seed: int) -> Fetched:
    """Copy the usable files of `path` to `out/audio/<id><extension>` and describe them.

    Raises:
        UserError: the folder does not exist, or a table has an unknown column or a cell that means nothing.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; set `path` of the source in params.yaml")
    said = _table(path / "metadata.csv")
    excluded = _table(path / "exclude.csv", extra=("reason",))
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in EXTENSIONS)
    names = [_composed(p.relative_to(path).as_posix()) for p in files]
    rejected = [
        Rejected(name, "download", f"{table}: no such audio file")
        for table, rows in (("metadata.csv", said), ("exclude.csv", excluded))
        for name in sorted(rows.keys() - set(names))
    ]
    wanted = [(f, n) for f, n in zip(files, names, strict=True) if n not in excluded]
    for name in sorted(excluded.keys() & set(names)):
        reason = excluded[name].get("reason") or "no reason given"
        rejected.append(Rejected(name, "download", f"exclude.csv: {reason}"))

    audio = out / "audio"
    audio.mkdir(parents=True)
    tracks: dict[str, Track] = {}
    results = parallel_map(inspect, [file for file, _ in wanted], "reading tracks")
    for (file, name), found in zip(wanted, results, strict=True):
        if isinstance(found, str):
            rejected.append(Rejected(name, "download", found))
        elif found.id in tracks:
            rejected.append(Rejected(name, "download", f"same file as {tracks[found.id].file_path}"))
        else:
            shutil.copyfile(file, audio / (found.id + file.suffix.lower()))
            tracks[found.id] = _describe(file, name, found, said.get(name, {}), str(settings["genre"]))
    return Fetched(list(tracks.values()), rejected)


def _composed(name: str) -> str:
    """One spelling of a name: some file systems store `é` as two code points, tables hold one."""
    return unicodedata.normalize("NFC", name)


def _table(path: Path, extra: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    rows = read_csv(path)
    known = {*COLUMNS, *extra, "license", "filename"} - set(_OWN_COLUMNS)
    for column in rows[0] if rows else ():
        if column is not None and column not in known:
            raise UserError(f"{path}: unknown column {column!r}; known are {', '.join(sorted(known))}")
    table = {}
    for row in rows:
        name = _composed((row.get("file_path") or row.get("filename") or "").strip().removeprefix("./"))
        if None in row:
            raise UserError(f"{path}: the row of {name} has more cells than the header; quote text that holds commas")
        row["licence"] = row.get("licence") or row.pop("license", "")
        if not name:
            raise UserError(f"{path}: each row needs a file_path, relative to the folder")
        try:
            parse_sections(row.get("structure") or "")
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{path}: structure of {name} ({error}) must be JSON like "
                '[{"name": "drop", "start": 30.0, "end": 45.5}], in seconds'
            ) from None
        table[name] = row
    return table


def _tags(file: Path) -> dict[str, str]:
    """Text tags under the track table's names; a file without readable tags has none."""
    try:
        tags = mutagen.File(file)
    except mutagen.MutagenError:
        return {}
    found: dict[str, str] = {}
    if tags is None or not tags.tags:
        return found
    lower = {str(key).lower(): value for key, value in dict(tags.tags).items()}
    for name, keys in _TAGS.items():
        for key in keys:
            value = lower.get(key.lower())
            if value:
                first = value[0] if isinstance(value, list) else value
                found[name] = str(getattr(first, "url", first)).strip()
                break
    return found


def _describe(file: Path, name: str, found: Inspected, said: Mapping[str, str], genre: str) -> Track:
    told = {k: v.strip() for k, v in said.items() if v and v.strip()}
    text = {**_tags(file), **told}
    licence = licences.normalise(text.get("licence", ""))
    bpm = number(told.get("bpm"), f"metadata.csv: bpm of {name}") or _tag_bpm(text.get("bpm", ""))
    plain = {
        c: text[c]
        for c in COLUMNS
        if c in text and c not in (*_OWN_COLUMNS, "bpm", "duration", "licence", "file_path", "genre")
    }
    track = Track(
        id=found.id,
        file_path=name,
        genre=genre,
        bpm=bpm,
        duration=found.duration,
        licence=licence,
        sha256=found.sha256,
        fingerprint=found.fingerprint,
        tier=licences.tier(licence),
    )
    track = dataclasses.replace(track, **plain)  # type: ignore[arg-type]
    return track if track.title else dataclasses.replace(track, title=file.stem)


def _tag_bpm(text: str) -> float | None:
    try:
        bpm = float(text)
    except ValueError:
        return None
    return bpm if 20 <= bpm <= 400 else None
