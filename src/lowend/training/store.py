"""Encoded arrays of a folder of shards, memory-mapped: opening costs a look at the names, not a read of the data."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowend.errors import UserError
from lowend.takes import Change

Places = dict[str, list[int]]
"""Offset and size of a track's members in its shard, by name."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One augmentation of a view: its codes int16 [K, T], band levels, what changed, and the track blended in."""

    codes: NDArray[np.int16]
    levels: NDArray[np.float16] | None
    change: Change
    blend: str  # an id, "" for none


@dataclass(frozen=True, slots=True)
class Arrays:
    """What was encoded of one view of one track: codes int16 [K, T], band levels float16 [3, T], and variants."""

    codes: NDArray[np.int16]
    levels: NDArray[np.float16] | None
    variants: tuple[Variant, ...]


def read(folder: Path, view: str, wanted: Container[str]) -> Iterator[tuple[str, Arrays]]:
    """The tracks in `wanted` that have the view, shard by shard.

    A track's members are `<view>.npy`, `<view>.bands.npy` where bands were encoded, and for each
    augmented variant n `<view>.<n>.npy`, `<view>.<n>.bands.npy` and `<view>.<n>.json` ({"stretch",
    "semitones", "blend"}).

    Raises:
        UserError: a shard is cut short, or bands and codes of a track differ in length.
    """
    for path in sorted(folder.glob("*.tar")):
        mapped = np.memmap(path, np.uint8, "r")
        for track_id, places in _places(path):
            if track_id in wanted and f"{view}.npy" in places:
                yield track_id, _arrays(mapped, places, view, f"{path}: {track_id}")


def _places(path: Path) -> list[tuple[str, Places]]:
    """Offset and size of every member by track, in the order of the shard.

    Raises:
        UserError: the shard is cut short; its end is filled up to whole records.
    """
    try:
        if path.stat().st_size % tarfile.RECORDSIZE:
            raise tarfile.ReadError("no whole records")
        with tarfile.open(path, "r:") as tar:
            members = [(info.name, info.offset_data, info.size) for info in tar]
    except tarfile.ReadError as error:
        raise UserError(f"{path} is cut short ({error}): run `dvc repro` for the encode stage that writes it") from None
    by_track = groupby(members, key=lambda member: member[0].split(".", 1)[0])
    return [(track, {name.split(".", 1)[1]: place for name, *place in group}) for track, group in by_track]


def _arrays(mapped: NDArray[np.uint8], places: Places, view: str, where: str) -> Arrays:
    variants: list[Variant] = []
    while f"{view}.{len(variants)}.npy" in places:
        name = f"{view}.{len(variants)}"
        offset, size = places[f"{name}.json"]
        facts: dict[str, Any] = json.loads(bytes(mapped[offset : offset + size]))
        codes, levels = _pair(mapped, places, name, where)
        change = Change(float(facts["stretch"]), int(facts["semitones"]))
        variants.append(Variant(codes, levels, change, str(facts["blend"])))
    codes, levels = _pair(mapped, places, view, where)
    return Arrays(codes, levels, tuple(variants))


def _pair(
    mapped: NDArray[np.uint8], places: Places, name: str, where: str
) -> tuple[NDArray[np.int16], NDArray[np.float16] | None]:
    codes = _npy(mapped, *places[f"{name}.npy"])
    if f"{name}.bands.npy" not in places:
        return codes, None
    levels = _npy(mapped, *places[f"{name}.bands.npy"])
    if levels.shape[1] != codes.shape[1]:
        raise UserError(
            f"{where}: {name} has {codes.shape[1]} frames of codes and {levels.shape[1]} of bands; encode again"
        )
    return codes, levels


def _npy(mapped: NDArray[np.uint8], offset: int, size: int) -> NDArray[Any]:
    """A view of the array that an npy file inside the mapping holds."""
    file = io.BytesIO(bytes(mapped[offset : offset + min(size, 256)]))
    version = np.lib.format.read_magic(file)
    assert version == (1, 0), f"npy version {version}"
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    assert not fortran, "codes are stored by rows"
    flat: NDArray[Any] = np.asarray(mapped[offset + file.tell() : offset + size]).view(dtype)
    return flat.reshape(shape)
