"""What a stage goes on with, and what it sets aside: the reasons are logged, and end in rejected.csv."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from lowend.cache import Kept
from lowend.tracks import Rejected, Track


def sort_out(
    tracks: Sequence[Track], done: Sequence[Kept], stage: str
) -> tuple[list[tuple[Track, Kept]], list[Rejected]]:
    """Tracks with what the cache holds of them, and those that `stage` has set aside."""
    usable, rejected = [], []
    for track, kept in zip(tracks, done, strict=True):
        reason = kept.reason
        if reason:
            logging.getLogger(__name__).warning("set aside: %s: %s", track.file_path, reason)
            rejected.append(Rejected(track.file_path, stage, reason))
        else:
            usable.append((track, kept))
    return usable, rejected
