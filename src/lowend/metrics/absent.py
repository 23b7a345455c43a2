"""Metrics that cannot be had: the others go on, and the gap is marked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


class Absent(Exception):
    """A metric that this machine or set of clips cannot give; the message says why, and what would help."""


def attempt(name: str, make: Callable[[], Made]) -> Made | None:
    """What `make` makes, or None where it raises `Absent`; the reason is logged."""
    try:
        return make()
    except Absent as reason:
        logging.getLogger(__name__).warning("%s is absent: %s", name, reason)
        return None


def mark(name: str) -> dict[str, float]:
    """What stands in the metrics file instead of a metric that was asked for and is absent."""
    return {f"{name}_absent": 1.0}
