"""The tables and histograms of the page about a genre's data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lowend import histograms
from lowend.audio.views import FLAG_LU
from lowend.clusters import SIDES
from lowend.dataset import DUPLICATE, GATED, Data, Entry
from lowend.histograms import Histogram
from lowend.tracks import Rejected, Track

ROWS = 200
"""Of a table; what is left out stands in the files that the table was made from."""
WORST = 10
ENERGY = ("low", "medium", "high")


class Table(NamedTuple):
    """Rows of text under `columns`; those in `numbers` are set to the right. `more` rows were left out."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: tuple[int, ...] = ()
    total: tuple[str, ...] = ()
    more: int = 0


class Separation(NamedTuple):
    """A track and how well its stems are separated: SI-SDR in dB (more is better) or an overlap (less is)."""

    entry: Entry
    score: float


def sources(data: Data) -> Table:
    """Tracks and hours of every source, in all and by where they went."""
    sides = (*SIDES, GATED, DUPLICATE)

    def row(name: str, entries: Sequence[Entry], set_aside: int) -> tuple[str, ...]:
        parts = [entries, *([e for e in entries if e.side == side] for side in sides)]
        cells = [f"{len(part)} ({sum(e.track.duration or 0 for e in part) / 3600:.2f} h)" for part in parts]
        return (name, *cells, str(set_aside))

    rows = [row(key, [e for e in data.entries if e.source == key], len(bad)) for key, bad in data.rejected.items()]
    total = row("all", data.entries, sum(map(len, data.rejected.values())))
    columns = ("source", "tracks", *sides, "rejected files")
    return Table(columns, rows, tuple(range(1, len(columns))), total)


def rejected(files: Mapping[str, Sequence[Rejected]]) -> Table:
    """Files that were set aside, by source, with the stage and the reason."""
    rows = [(key, r.file_path, r.stage, r.reason) for key, found in files.items() for r in found]
    return Table(("source", "file", "stage", "reason"), rows[:ROWS], more=max(0, len(rows) - ROWS))


def by(tracks: Sequence[Track]) -> list[Histogram]:
    """Tracks by tempo, length, key, sub-genre, energy and licence."""
    licences = {f"{t.licence or 'none'} (tier {t.tier})": t.tier for t in tracks}
    levels = {name: place for place, name in enumerate(ENERGY)}
    return [
        histograms.numbers("Tempo", "BPM", {"tracks": [t.bpm for t in tracks]}, 5),
        histograms.numbers("Duration", "seconds", {"tracks": [t.duration for t in tracks]}, 5),
        histograms.words("Key", "key", [t.key for t in tracks]),
        histograms.words("Sub-genre", "sub-genre", [t.sub_genre for t in tracks]),
        histograms.words("Energy", "level", [t.energy_level for t in tracks], levels),
        histograms.words("Licence", "licence", [f"{t.licence or 'none'} (tier {t.tier})" for t in tracks], licences),
    ]


def loudness(entries: Sequence[Entry]) -> Histogram:
    """Integrated loudness of the mixes as they came, and as they are now."""
    gains = [e.audio["gain"] for e in entries]
    series = {"before": [g["measured_lufs"] for g in gains], "after": [g["reached_lufs"] for g in gains]}
    return histograms.numbers("Loudness of the mix", "LUFS", series, 1)


def quiet(entries: Iterable[Entry]) -> Table:
    """Tracks that stayed below the target, the largest difference first."""
    short = [e for e in entries if e.missing_lu > FLAG_LU]
    rows = []
    for entry in sorted(short, key=lambda e: (-e.missing_lu, e.track.id))[:ROWS]:
        gain = entry.audio["gain"]
        numbers = (gain["measured_lufs"], gain["gain_db"], gain["reached_lufs"], entry.missing_lu)
        rows.append((entry.name, entry.source, *(f"{number:.1f}" for number in numbers)))
    columns = ("track", "source", "before, LUFS", "gain, dB", "after, LUFS", "below target, LU")
    return Table(columns, rows, (2, 3, 4, 5), more=max(0, len(short) - ROWS))


def doubts(entries: Iterable[Entry]) -> Table:
    """Tracks that analysis is unsure of, those with most doubts first."""
    doubtful = sorted((e for e in entries if e.doubts), key=lambda e: (-len(e.doubts), e.track.id))
    rows = [
        (e.name, e.source, f"{e.track.bpm:.1f}" if e.track.bpm else "", e.track.key, ", ".join(e.doubts))
        for e in doubtful[:ROWS]
    ]
    return Table(("track", "source", "BPM", "key", "doubts"), rows, (2,), more=max(0, len(doubtful) - ROWS))


def scored(separations: Sequence[Separation]) -> Table:
    """The first ten of separations whose true stems are known."""
    shown = separations[:WORST]
    stems = sorted({name for s in shown for name in s.entry.si_sdr})
    rows = []
    for entry, score in shown:
        found = [entry.si_sdr.get(name) for name in stems]
        cells = [f"{pair['made']:.1f} ({pair['mix']:.1f})" if pair else "" for pair in found]
        rows.append((entry.name, entry.source, f"{score:.1f}", *cells))
    columns = ("track", "source", "mean, dB", *(f"{name} (mix)" for name in stems))
    return Table(columns, rows, tuple(range(2, len(columns))))


def guessed(separations: Sequence[Separation]) -> Table:
    """The first ten of separations that only their overlap tells of."""
    rows = [(entry.name, entry.source, f"{share:.1%}") for entry, share in separations[:WORST]]
    return Table(("track", "source", "overlap"), rows, (2,))
