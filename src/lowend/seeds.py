"""Random generators that are seeded by names, never by order or time."""

from __future__ import annotations

import hashlib

import numpy as np


def seed(*names: object) -> int:
    """A 63-bit seed from names."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def rng(*names: object) -> np.random.Generator:
    """numpy's generator for names."""
    return np.random.default_rng(seed(*names))
