"""WebDataset-style tar shards whose bytes depend on nothing but their members.

A shard is chosen by a hash of the track's id, so one new track changes one shard. Members are
`<id>.<view>.<extension>`, ordered by name, with a fixed time, mode and owner.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

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


def _add(tar: tarfile.TarFile, member: Member) -> None:
    info = tarfile.TarInfo(member.path)
    info.size, info.mode = len(member.data), 0o644
    tar.addfile(info, io.BytesIO(member.data))


class _Writer:
    """Open shards of a folder, to which tracks are added in the order of their ids."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._stack = folder, stack
        self._open: dict[str, tarfile.TarFile] = {}
        self._last = ""

    def shard(self, track_id: str) -> tarfile.TarFile:
        if "." in track_id or track_id < self._last:
            raise ValueError(f"ids must be without dots and increasing: {track_id!r} after {self._last!r}")
        self._last = track_id
        name = shard_name(track_id)
        if name not in self._open:
            tar = tarfile.open(self._folder / name, "w", format=tarfile.USTAR_FORMAT)
            self._open[name] = self._stack.enter_context(tar)
        return self._open[name]


def write(folder: Path, tracks: Iterable[Iterable[Member]]) -> None:
    """Write shards from tracks that come in the order of their ids, one track in memory at a time.

    Raises:
        ValueError: an id holds a dot, or ids are not increasing.
    """
    with ExitStack() as stack:
        writer = _Writer(folder, stack)
        for members in tracks:
            for member in sorted(members, key=lambda m: m.name):
                _add(writer.shard(member.id), member)


def write_tar(path: Path, members: Iterable[Member]) -> None:
    """Write one track's tar file beside `path` and rename it; `merge` puts such files into shards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.uname().nodename}.{os.getpid()}.tmp")
    with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member in sorted(members, key=lambda m: m.name):
            _add(tar, member)
    partial.replace(path)


def merge(folder: Path, tracks: Iterable[tuple[str, Path]]) -> None:
    """Write shards from (id, tar file of `write_tar`) in the order of ids, copied a block at a time.

    Raises:
        ValueError: an id holds a dot, or ids are not increasing.
    """
    with ExitStack() as stack:
        writer = _Writer(folder, stack)
        for track_id, path in tracks:
            shard = writer.shard(track_id)
            with tarfile.open(path) as tar:
                for info in tar:
                    shard.addfile(info, tar.extractfile(info))


def read(folder: Path) -> Iterator[Member]:
    """Every member of every shard, shard by shard."""
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                track_id, name = info.name.split(".", 1)
                file = tar.extractfile(info)
                assert file is not None, f"{info.name} is not a regular file"
                yield Member(track_id, name, file.read())


def read_tracks(folder: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Every track with its members by name, one track in memory at a time: `write` keeps them together."""
    for track_id, members in groupby(read(folder), key=lambda m: m.id):
        yield track_id, {m.name: m.data for m in members}


def read_track(folder: Path, track_id: str, *names: str) -> dict[str, bytes]:
    """The members of one track, by name (`mix.flac`, `json`); only those in `names`, if any are given.

    Raises:
        KeyError: the track is in no shard of the folder.
    """
    path = folder / shard_name(track_id)
    found = read_tar(path, track_id, *names) if path.exists() else {}
    if not found and not (path.exists() and track_id in _index(path)):
        raise KeyError(f"track {track_id} is in no shard of {folder}")
    return found


def read_tar(path: Path, track_id: str, *names: str) -> dict[str, bytes]:
    """The members of one track in a tar file, by name; only those in `names`, if any are given."""
    places = _index(path).get(track_id, {})
    with path.open("rb") as file:
        found = {}
        for name, (offset, size) in places.items():
            if not names or name in names:
                file.seek(offset)
                found[name] = file.read(size)
    return found


def read_note(folder: Path, track_id: str) -> dict[str, Any]:
    """The `json` member of one track.

    Raises:
        KeyError: the track is in no shard of the folder.
    """
    note: dict[str, Any] = json.loads(read_track(folder, track_id, "json")["json"])
    return note


def _index(path: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Offset and size of every member, by track and name; walked once for each state of the file."""
    stat = path.stat()
    return _walk(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4 * SHARDS)
def _walk(path: Path, mtime_ns: int, size: int) -> dict[str, dict[str, tuple[int, int]]]:
    index: dict[str, dict[str, tuple[int, int]]] = {}
    with tarfile.open(path) as tar:
        for info in tar:
            track_id, name = info.name.split(".", 1)
            index.setdefault(track_id, {})[name] = (info.offset_data, info.size)
    return index


def note(track_id: str, values: Mapping[str, object], members: Iterable[Member]) -> Member:
    """The `json` member of a track: `values`, and the digest of the other members.

    The next stage keys its cache by that digest, and so need not read the audio of what it has.
    """
    digest = hashlib.sha256()
    for member in sorted(members, key=lambda m: m.name):
        digest.update(member.name.encode())
        digest.update(hashlib.sha256(member.data).digest())
    return Member(track_id, "json", json_bytes({**values, "digest": digest.hexdigest()[:16]}))


def json_bytes(value: object) -> bytes:
    """JSON with sorted keys and a final newline: the same value, the same bytes."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()
