"""Does a clip repeat a track that the model was trained on, or another clip?

Two ears. The fingerprint is the first codebook: a passage that was copied has many of the same codes
in the same order. The embedding hears what is alike without being the same. How near is too near is
learned from real music: a clip is flagged where it is nearer to a training track than all but a
twentieth of the pieces of held-out tracks, so that a twentieth of honest clips is flagged by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowend.metrics.absent import Absent
from lowend.metrics.bootstrap import mean
from lowend.metrics.embedders import Embeddings

Codes = NDArray[np.int64]  # [T], of the first codebook

WINDOW = 125
"""Frames that are looked for: two and a half seconds, a bar of most tempi."""
HOP = 62
LEAST_PIECES = 8
CHANCE = 0.05  # of real pieces: producers share loops, so the nearest of all may be next to a copy
_DULL = 0.5  # of a window that holds one and the same code: silence is like silence


@dataclass(frozen=True, slots=True)
class Nearest:
    """The track that a clip is nearest to, by each ear; None where the clip holds nothing to compare.

    overlap: 0..1, share of equal codes in the window that is most alike; distance: of embeddings, mean over
    the clip's windows, None where it has none.
    """

    track_id: str
    overlap: float | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How near all but a twentieth of the `pieces` of held-out tracks come to training tracks, by each ear."""

    overlap: float
    distance: float | None  # None: there is no embedder
    pieces: int


class Fingerprints:
    """Where each code stands in a set of tracks: looking one window up costs its matches, not the set's length."""

    def __init__(self, tracks: Sequence[tuple[str, Codes]]) -> None:
        """`tracks` are ids and codes [T]; between two of them there is room for a window."""
        gap = np.full(WINDOW, -1, np.int64)
        line = np.concatenate([part for _, codes in tracks for part in (gap, codes.astype(np.int64))] + [gap])
        self._ids = [track_id for track_id, _ in tracks]
        self._starts = np.cumsum([0, *(WINDOW + len(codes) for _, codes in tracks)])
        self._places = np.argsort(line, kind="stable")
        self._first = np.searchsorted(line[self._places], np.arange(line.max(initial=0) + 2))

    def nearest(self, codes: Codes, but: str = "") -> tuple[str, float] | None:
        """Id and overlap of the track, other than `but`, that holds the window most alike; None without a window.

        A clip that is shorter than a window is one; windows of mostly one code say nothing and are left out.
        """
        found = [self._look_up(part, but) for part in windows(codes)]
        return max(found, key=lambda one: one[1], default=None)

    def _look_up(self, window: Codes, but: str) -> tuple[str, float]:
        known = [(i, code) for i, code in enumerate(window.tolist()) if code + 1 < len(self._first)]
        lags = [self._places[self._first[code] : self._first[code + 1]] - i for i, code in known]
        counts = np.bincount(np.concatenate(lags)) if lags else np.zeros(0, np.int64)
        if but in self._ids:
            track = self._ids.index(but)
            counts[self._starts[track] : self._starts[track + 1]] = 0
        if not counts.any():
            return "", 0.0
        lag = int(counts.argmax())
        # A window may begin in the gap before its track.
        track = int(np.searchsorted(self._starts, lag, side="right")) - 1
        return self._ids[min(track, len(self._ids) - 1)], float(counts[lag] / len(window))


def windows(codes: Codes) -> list[Codes]:
    """Windows of a clip's codes [T] that are not mostly one code."""
    starts = range(0, max(1, len(codes) - WINDOW + 1), HOP)
    parts = [codes[start : start + WINDOW].astype(np.int64) for start in starts]
    return [part for part in parts if len(part) and np.bincount(part).max() <= _DULL * len(part)]


def pieces(codes: Codes, frames: int) -> list[Codes]:
    """A track's codes [T] cut into whole pieces of a clip's length; one that is shorter is one."""
    return [codes[start : start + frames] for start in range(0, max(1, len(codes) - frames + 1), frames)]


def distance(clip: Embeddings, track: Embeddings) -> float:
    """Mean distance of a clip's windows [n, D] to the nearest of a track's [m, D]."""
    apart = np.linalg.norm(clip[:, None] - track[None], axis=2)
    return float(apart.min(1).mean())


def nearest(codes: Codes | None, embedded: Embeddings, prints: Fingerprints, tracks: Sequence[Embeddings]) -> Nearest:
    """Hold one clip against the training tracks; codes are None where the clip is silent."""
    if codes is None:
        return Nearest("", None, None)
    found = prints.nearest(codes)
    near = min(distance(embedded, one) for one in tracks) if len(embedded) else None
    return Nearest(found[0] if found else "", found[1] if found else None, near)


def calibrate(real: Sequence[Nearest]) -> Thresholds:
    """Thresholds from pieces of held-out tracks that were held against the training tracks as clips are.

    Raises:
        Absent: there are fewer than `LEAST_PIECES` that hold anything.
    """
    overlaps = [one.overlap for one in real if one.overlap is not None]
    distances = [one.distance for one in real if one.distance is not None]
    if len(overlaps) < LEAST_PIECES:
        raise Absent(
            f"memorisation needs {LEAST_PIECES} pieces of held-out tracks as long as a clip, got {len(overlaps)}: "
            "add tracks, or raise split.valid and split.test in params.yaml"
        )
    near = float(np.quantile(distances, CHANCE)) if distances else None
    return Thresholds(float(np.quantile(overlaps, 1 - CHANCE)), near, len(overlaps))


def is_copy(one: Nearest, limits: Thresholds) -> bool:
    """Whether a clip is nearer to a training track than real music mostly is, by its fingerprint."""
    return one.overlap is not None and one.overlap > limits.overlap


def repeated(clips: Sequence[Codes | None], limits: Thresholds) -> list[bool]:
    """Which clips of a set repeat another one of it, by the same threshold; a silent clip repeats nothing."""
    known = [(str(n), codes) for n, codes in enumerate(clips) if codes is not None]
    prints = Fingerprints(known)
    flags = [False] * len(clips)
    for name, codes in known:
        found = prints.nearest(codes, but=name)
        flags[int(name)] = found is not None and found[1] > limits.overlap
    return flags


def summarise(
    clips: Sequence[Nearest], again: Sequence[bool], limits: Thresholds, resamples: int, name: str
) -> dict[str, float]:
    """Means with intervals, flags counted, thresholds and what is flagged by chance beside."""
    overlaps = [one.overlap for one in clips if one.overlap is not None]
    distances = [one.distance for one in clips if one.distance is not None]
    metrics = {
        "copied_clips": float(sum(is_copy(one, limits) for one in clips)),
        "repeated_clips": float(sum(again)),
        "copied_clips_by_chance": round(CHANCE * len(overlaps), 2),
        "copy_pieces": float(limits.pieces),
        "copy_overlap": round(limits.overlap, 4),
    }
    if limits.distance is not None:
        metrics["near_clips"] = float(sum(far < limits.distance for far in distances))
        metrics["near_distance"] = round(limits.distance, 4)
    if overlaps:
        metrics |= mean(overlaps, resamples, f"{name}/overlap").as_metrics("train_overlap")
    if distances:
        metrics |= mean(distances, resamples, f"{name}/distance").as_metrics("train_distance")
    return metrics
