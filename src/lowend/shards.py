"""WebDataset-style tar shards whose bytes depend on nothing but their members.

A shard is chosen by a hash of the track's id, so one new track changes one shard. Members are
`<id>.<view>.<extension>`, ordered by name, with a fixed time, mode and owner.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

SHARDS = 16
"""Shards of a folder: few enough to list, enough that one track rewrites little."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a shard: `id` has no dot, `name` is the rest (`mix.flac`, `json`)."""

    id: str
    name: str
    data: bytes

    @property
    def path(self) -> str:
        """Name inside the tar."""
        return f"{self.id}.{self.name}"


def shard_name(track_id: str) -> str:
    """File name of the shard that holds a track."""
    digest = hashlib.sha256(track_id.encode()).digest()
    return f"{int.from_bytes(digest[:4], 'big') % SHARDS:03d}.tar"


def write(folder: Path, tracks: Iterable[Iterable[Member]]) -> None:
    """Write shards from tracks that come in the order of their ids, one track in memory at a time.

    Raises:
        ValueError: an id holds a dot, or ids are not increasing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = ""
    with ExitStack() as stack:
        open_shards: dict[str, tarfile.TarFile] = {}
        for members in tracks:
            for member in sorted(members, key=lambda m: m.name):
                if "." in member.id or member.id < last:
                    raise ValueError(f"ids must be without dots and increasing: {member.id!r} after {last!r}")
                last = member.id
                name = shard_name(member.id)
                if name not in open_shards:
                    tar = tarfile.open(folder / name, "w", format=tarfile.USTAR_FORMAT)
                    open_shards[name] = stack.enter_context(tar)
                info = tarfile.TarInfo(member.path)
                info.size, info.mode = len(member.data), 0o644
                open_shards[name].addfile(info, io.BytesIO(member.data))


def read(folder: Path) -> Iterator[Member]:
    """Every member of every shard, shard by shard."""
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                yield _member(tar, info)


def _member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    track_id, name = info.name.split(".", 1)
    file = tar.extractfile(info)
    assert file is not None, f"{info.name} is not a regular file"
    return Member(track_id, name, file.read())


def read_tracks(folder: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Every track with its members by name, one track in memory at a time: `write` keeps them together."""
    for track_id, members in groupby(read(folder), key=lambda m: m.id):
        yield track_id, {m.name: m.data for m in members}


def read_track(folder: Path, track_id: str) -> dict[str, bytes]:
    """The members of one track, by name (`mix.flac`, `json`).

    Raises:
        KeyError: the track is in no shard of the folder.
    """
    path = folder / shard_name(track_id)
    found: dict[str, bytes] = {}
    if path.exists():
        with tarfile.open(path) as tar:
            wanted = [info for info in tar if info.name.split(".", 1)[0] == track_id]
            found = {(m := _member(tar, info)).name: m.data for info in wanted}
    if not found:
        raise KeyError(f"track {track_id} is in no shard of {folder}")
    return found


def json_bytes(value: object) -> bytes:
    """JSON with sorted keys and a final newline: the same value, the same bytes."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()
