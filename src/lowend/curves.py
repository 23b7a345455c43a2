"""What `dvc plots` draws: how far each model is from real music, and how often a tempo that was asked for is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lowend.comparison import Column

BAND_BPM = 20
"""Width of a band of tempi."""


@dataclass(frozen=True, slots=True)
class Distance:
    """A model of a genre and the FAD of its clips."""

    model: str
    fad: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A band of tempi by its middle in BPM, the share of its clips whose tempo is right, and how many there are."""

    evaluation: str
    bpm: int
    tempo_right: float
    clips: int


def distances(genres: Mapping[str, Sequence[Column]]) -> list[Distance]:
    """One row a genre and model that has a FAD, in the order of the comparison."""
    return [
        Distance(f"{genre}: {column.name}", column.values["fad"])
        for genre, columns in genres.items()
        for column in columns
        if "fad" in column.values
    ]


def adherence(evaluation: str, rows: Iterable[Mapping[str, str]]) -> list[Kept]:
    """Bands of the tempi that the model's clips were asked for, from the table that evaluate writes."""
    bands: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        if row["side"] == "model" and row["asked_bpm"]:
            band = int(float(row["asked_bpm"]) // BAND_BPM)
            bands[band].append(row["tempo_right"] == "True")
    return [
        Kept(evaluation, band * BAND_BPM + BAND_BPM // 2, round(sum(found) / len(found), 4), len(found))
        for band, found in sorted(bands.items())
    ]
