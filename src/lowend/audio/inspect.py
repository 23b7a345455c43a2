"""What a file says of itself before anything is done to it: is it usable, and what is it.

A file is read in blocks, so that an hour-long mix takes no more memory than a short one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend.audio.io import Extent, Wave, blocks


@dataclass(frozen=True, slots=True)
class Inspected:
    """A usable file: hash of its samples, seconds, and the largest absolute sample."""

    fingerprint: str
    duration: float
    peak: float


class Fingerprint:
    """Hash of the samples as 16-bit: equal for lossless copies in any container and with any tags."""

    def __init__(self) -> None:
        self._hash, self._channels = hashlib.sha256(), 0

    def add(self, block: Wave) -> None:
        """Take one block [C, n] into account."""
        self._channels = len(block)
        self._hash.update(np.clip(np.round(block.T * 32767), -32768, 32767).astype("<i2").tobytes())

    def hex(self) -> str:
        """The first 16 hex digits."""
        whole = self._hash.copy()
        whole.update(str(self._channels).encode())
        return whole.hexdigest()[:16]


def fingerprint(wav: Wave) -> str:
    """The fingerprint of [C, S]."""
    made = Fingerprint()
    made.add(wav)
    return made.hex()


def sha256(path: Path) -> str:
    """Hash of a file's bytes; a track's id is its first 16 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inspect(path: Path) -> Inspected:
    """Decode a file once.

    Raises:
        Unusable: the file is, for the reason given.
    """
    rate, decoded = blocks(path)
    told, made = Extent(rate), Fingerprint()
    for block in decoded:
        told.add(block)
        made.add(block)
    told.check()
    return Inspected(made.hex(), told.seconds, told.peak)
