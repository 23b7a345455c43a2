"""One genre's tracks as all stages left them: rows, sides of the split, and the notes of their audio and stems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowend import clusters, licences, shards
from lowend.clusters import SIDES
from lowend.tracks import Rejected, Track, read_rejected, read_tracks
from lowend.workers import progress

GATED, DUPLICATE = "gated", "duplicates"
LOW_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class Folders:
    """What the stages wrote: captions, audio and stems of all genres, and the splits of this one."""

    captions: Path
    audio: Path
    stems: Path
    splits: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """A track of a source, where it went (a side, `gated` or `duplicates`), and the notes of its audio and stems."""

    track: Track
    source: str
    side: str
    audio: Mapping[str, Any]
    stems: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What a reader knows the track by."""
        track = self.track
        return " by ".join(filter(None, (track.title, track.artist))) if track.title else track.file_path

    @property
    def doubts(self) -> list[str]:
        """Flags of the analysis, and what it is unsure of."""
        confidences = {"tempo": self.track.bpm_confidence, "key": self.track.key_confidence}
        unsure = [f"{n} unsure ({c:.2f})" for n, c in confidences.items() if c is not None and c < LOW_CONFIDENCE]
        return [*filter(None, (flag.strip() for flag in self.track.flags.split(";"))), *unsure]

    @property
    def missing_lu(self) -> float:
        """How far the mix is below the target loudness."""
        return float(self.audio["gain"]["short_of_target_db"])

    @property
    def si_sdr(self) -> Mapping[str, Mapping[str, float]]:
        """SI-SDR in dB of each stem (`made`) and of the mix in its place (`mix`); empty without true stems."""
        scores: Mapping[str, Mapping[str, float]] = self.stems["si_sdr"]
        return scores


@dataclass(frozen=True, slots=True)
class Data:
    """All tracks of a genre, and by source what was set aside."""

    entries: list[Entry]
    rejected: dict[str, list[Rejected]]


def read(genre: str, folders: Folders, sources: Mapping[str, Mapping[str, object]], gate: str) -> Data:
    """What the stages know of a genre's tracks.

    `sources` are those of params.yaml that have this genre: what a removed one left behind is not
    read. `gate` is `licence` of params.yaml.

    Raises:
        UserError: a table is missing or broken, or the gate is unknown.
        KeyError: a track has no note of its audio or stems.
    """
    files = zip(sorted(sources), clusters.source_files(folders.captions, sources), strict=True)
    rows = [(key, track) for key, path in files for track in read_tracks(path)]
    sides = _sides([track for _, track in rows], folders.splits, licences.highest_tier(gate))
    entries = []
    for (key, track), side in zip(progress(rows, "reading notes"), sides, strict=True):
        audio, stems = (shards.read_note(folder / genre / key, track.id) for folder in (folders.audio, folders.stems))
        entries.append(Entry(track, key, side, audio, stems))
    rejected = {key: read_rejected(folders.audio / genre / key / "rejected.csv") for key in sorted(sources)}
    return Data(entries, rejected)


def _sides(tracks: list[Track], splits: Path, top_tier: int) -> list[str]:
    """Where each track went. One that is in no split is a duplicate, or else its licence kept it out."""
    placed = {t.id: side for side in SIDES for t in read_tracks(splits / f"{side}.csv")}
    originals: dict[str, str] = {}
    for track in sorted(tracks, key=lambda t: t.id):
        originals.setdefault(track.fingerprint or track.id, track.id)
    seen: set[str] = set()
    sides = []
    for track in tracks:
        repeated = track.id in seen
        copy = repeated or originals[track.fingerprint or track.id] != track.id or track.tier <= top_tier
        seen.add(track.id)
        sides.append(placed[track.id] if track.id in placed and not repeated else DUPLICATE if copy else GATED)
    return sides
