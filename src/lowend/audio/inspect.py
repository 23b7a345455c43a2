"""What a file says of itself before anything is done to it: is it usable, and what is it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend.audio.io import Unusable, Wave, decode


@dataclass(frozen=True, slots=True)
class Inspected:
    """A usable file: hash of its bytes, hash of its samples, seconds."""

    sha256: str
    fingerprint: str
    duration: float

    @property
    def id(self) -> str:
        """The track's id: the first 16 hex digits of its bytes' hash."""
        return self.sha256[:16]


def fingerprint(wav: Wave) -> str:
    """Hash of the samples as 16-bit: equal for lossless copies in any container and with any tags."""
    pcm = np.clip(np.round(wav * 32767), -32768, 32767).astype("<i2")
    return hashlib.sha256(pcm.tobytes() + str(wav.shape).encode()).hexdigest()[:16]


def inspect(path: Path) -> Inspected | str:
    """Decode a file once; returns what it is, or the reason why it is unusable."""
    try:
        data = path.read_bytes()
        wav, rate = decode(data)
    except (Unusable, OSError) as error:
        return str(error)
    return Inspected(hashlib.sha256(data).hexdigest(), fingerprint(wav), wav.shape[1] / rate)
