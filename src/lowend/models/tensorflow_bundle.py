"""Reads the float tensors of a TensorFlow v2 checkpoint ("tensor bundle") without TensorFlow.

A bundle is an index, which is a sorted table in LevelDB's format whose values are protocol buffers
(`BundleEntryProto`), and one data file that the entries point into. What TensorFlow writes by default
is read: one data file, and an index without compression.
Sources: LevelDB's doc/table_format.md; TensorFlow's core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57
_DT_FLOAT = 1
_DTYPE, _SHAPE, _OFFSET, _SIZE = 1, 2, 4, 5  # fields of BundleEntryProto
_DIMENSIONS, _LENGTH = 2, 1  # fields of TensorShapeProto and of its Dim


class _Bytes:
    """A place in a run of bytes that moves on with every read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError("the checkpoint's index is cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def __bool__(self) -> bool:
        return self.at < len(self.data)


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block; a key is stored as what differs from the key before it."""
    if index[offset + size] != 0:
        raise ValueError("the checkpoint's index is compressed, which TensorFlow does not do by default")
    block = index[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    entries, key = _Bytes(block[: -4 * (restarts + 1)]), b""
    while entries:
        shared, fresh, length = entries.varint(), entries.varint(), entries.varint()
        key = key[:shared] + entries.take(fresh)
        yield key, entries.take(length)


def _fields(message: bytes) -> dict[int, list[int | bytes]]:
    """Every field of a protocol buffer by its number: varints as int, the rest as bytes."""
    found: dict[int, list[int | bytes]] = {}
    rest = _Bytes(message)
    while rest:
        field, wire = divmod(rest.varint(), 8)
        if wire == 0:
            value: int | bytes = rest.varint()
        elif wire == 2:
            value = rest.take(rest.varint())
        elif wire in (1, 5):
            value = rest.take(8 if wire == 1 else 4)
        else:
            raise ValueError(f"the checkpoint's index holds a field of unknown wire type {wire}")
        found.setdefault(field, []).append(value)
    return found


def _number(fields: dict[int, list[int | bytes]], field: int) -> int:
    """A varint field; protocol buffers leave out zeros."""
    return int(fields.get(field, [0])[0])


def _shape(fields: dict[int, list[int | bytes]]) -> tuple[int, ...]:
    if _SHAPE not in fields:
        return ()
    dimensions = _fields(bytes(fields[_SHAPE][0])).get(_DIMENSIONS, [])
    return tuple(_number(_fields(bytes(one)), _LENGTH) for one in dimensions)


def read(index: bytes, data: bytes) -> dict[str, NDArray[np.float32]]:
    """Every float32 tensor of a bundle by its name, from the bytes of its index and of its one data file.

    Raises:
        ValueError: the index is not one of a bundle, is cut short or compressed, or points outside the data.
    """
    if len(index) < _FOOTER or struct.unpack("<Q", index[-8:])[0] != _MAGIC:
        raise ValueError("this is not the index of a TensorFlow checkpoint")
    footer = _Bytes(index[-_FOOTER:])
    _, _, offset, size = (footer.varint() for _ in range(4))  # the first two are the meta index, which is empty
    found = {}
    for _, handle in _block(index, offset, size):
        place = _Bytes(handle)
        for key, value in _block(index, place.varint(), place.varint()):
            fields = _fields(value)
            if not key or _number(fields, _DTYPE) != _DT_FLOAT:  # the empty key is the header
                continue
            start, count = _number(fields, _OFFSET), _number(fields, _SIZE)
            if start + count > len(data):
                raise ValueError(f"the checkpoint's data file ends before {key.decode()}")
            flat = np.frombuffer(data, "<f4", count // 4, start)
            found[key.decode()] = flat.reshape(_shape(fields)).astype(np.float32)
    return found
