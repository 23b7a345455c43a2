"""Clusters: tracks that must stay on one side of a split, because an artist or a recording links them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowend.tracks import Track, read_csv, write_csv

SIDES = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Member:
    """One track of a cluster. `side` is set where a cluster spans genres, else it is left to split."""

    id: str
    cluster: str
    side: str
    duplicate_of: str


def find(tracks: Sequence[Track], valid: float, test: float) -> dict[str, Member]:
    """Cluster tracks of all genres by artist (names compared without case), by recording and by file.

    Of tracks with the same fingerprint all but the one with the lowest id are `duplicate_of` that
    one. A cluster is named after its lowest id, so that it does not depend on the order of tracks.
    """
    parent: dict[str, str] = {t.id: t.id for t in tracks}

    def root(track_id: str) -> str:
        while parent[track_id] != track_id:
            parent[track_id] = parent[parent[track_id]]
            track_id = parent[track_id]
        return track_id

    first: dict[tuple[str, str], str] = {}
    original: dict[str, str] = {}
    genres: dict[str, set[str]] = {}
    for track in sorted(tracks, key=lambda t: t.id):
        links = {"artist": " ".join(track.artist.casefold().split()), "audio": track.fingerprint, "file": track.sha256}
        for kind, value in links.items():
            if not value:
                continue
            twin = first.setdefault((kind, value), track.id)
            low, high = sorted((root(twin), root(track.id)))
            parent[high] = low
            if kind == "audio" and twin != track.id:
                original[track.id] = twin
    for track in tracks:
        genres.setdefault(root(track.id), set()).add(track.genre)
    return {
        t.id: Member(
            t.id,
            root(t.id),
            side_by_hash(root(t.id), valid, test) if len(genres[root(t.id)]) > 1 else "",
            original.get(t.id, ""),
        )
        for t in tracks
    }


def place(name: str) -> float:
    """A number in 0..1 that depends on the name alone: the order in which clusters fill a split."""
    return int.from_bytes(hashlib.sha256(f"split/{name}".encode()).digest()[:8], "big") / 2**64


def side_by_hash(name: str, valid: float, test: float) -> str:
    """The side of a cluster that spans genres, from its name alone."""
    at = place(name)
    return "test" if at < test else "valid" if at < test + valid else "train"


def write(folder: Path, members: Iterable[tuple[str, Member]]) -> None:
    """Write `<genre>.csv` for each genre from (genre, member) pairs."""
    by_genre: dict[str, list[Member]] = {}
    for genre, member in members:
        by_genre.setdefault(genre, []).append(member)
    for genre, rows in by_genre.items():
        rows.sort(key=lambda m: m.id)
        write_csv(folder / f"{genre}.csv", rows, ("id", "cluster", "side", "duplicate_of"))


def read(path: Path) -> dict[str, Member]:
    """One genre's members by track id."""
    return {row["id"]: Member(**row) for row in read_csv(path)}


def source_files(captions: Path, sources: Mapping[str, Mapping[str, object]]) -> list[Path]:
    """The caption files of the sources in params.yaml; what a removed source left behind is not read."""
    return [captions / str(s["genre"]) / f"{key}.csv" for key, s in sorted(sources.items())]
