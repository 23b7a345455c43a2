"""A user's folder: anything that libav decodes, in sub-folders, with tags; files in `exclude.csv` are not read."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mutagen

from lowend import licences
from lowend.audio.inspect import Inspected
from lowend.audio.io import EXTENSIONS
from lowend.errors import UserError
from lowend.sources import Fetched, metadata
from lowend.sources.files import inspected
from lowend.tracks import Rejected, Track

_TAGS = {
    "title": ("title", "TIT2", "\xa9nam"),
    "artist": ("artist", "TPE1", "\xa9ART"),
    "bpm": ("bpm", "TBPM", "tmpo", "tempo"),
    "key": ("initialkey", "TKEY", "key"),
    "licence": ("license", "WCOP", "copyright", "TCOP", "cprt"),
    "source_url": ("website", "WOAF", "WOAR", "contact"),
}


def fetch(settings: Mapping[str, Any], path: Path, out: Path, seed: int) -> Fetched:
    """Copy the usable files of `path` to `out/audio/<id><extension>` and describe them.

    Raises:
        UserError: the folder does not exist, or `metadata.read` refuses its tables.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; set `path` of the source in params.yaml")
    tables = metadata.read(path)
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in EXTENSIONS)
    names = [metadata.composed(p.relative_to(path).as_posix()) for p in files]
    rejected = [metadata.left_out(name, tables) for name in sorted(tables.excluded.keys() & set(names))]
    wanted = [(f, n) for f, n in zip(files, names, strict=True) if n not in tables.excluded]

    audio = out / "audio"
    audio.mkdir(parents=True)
    tracks: dict[str, Track] = {}
    for (file, name), (sha256, found) in zip(wanted, inspected([file for file, _ in wanted]), strict=True):
        track_id = sha256[:16]
        if isinstance(found, str):
            rejected.append(Rejected(name, "download", found))
        elif track_id in tracks:
            rejected.append(Rejected(name, "download", f"same file as {tracks[track_id].file_path}"))
        else:
            shutil.copyfile(file, audio / (track_id + file.suffix.lower()))
            tracks[track_id] = _describe(file, name, sha256, found, str(settings["genre"]))
    return Fetched(list(tracks.values()), rejected)


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


def _describe(file: Path, name: str, sha256: str, found: Inspected, genre: str) -> Track:
    tags = _tags(file)
    licence = licences.normalise(tags.get("licence", ""))
    return Track(
        id=sha256[:16],
        file_path=name,
        title=tags.get("title") or file.stem,
        artist=tags.get("artist", ""),
        genre=genre,
        bpm=_tag_bpm(tags.get("bpm", "")),
        key=tags.get("key", ""),
        duration=found.duration,
        licence=licence,
        source_url=tags.get("source_url", ""),
        sha256=sha256,
        fingerprint=found.fingerprint,
        tier=licences.tier(licence),
    )


def _tag_bpm(text: str) -> float | None:
    try:
        bpm = float(text)
    except ValueError:
        return None
    least, most, _ = metadata.NUMBERS["bpm"]
    return bpm if least <= bpm <= most else None
