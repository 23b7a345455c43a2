"""Audio files before anything is done to them: hashed, decoded once for all runs, and cut where they are long."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from lowend import cache, shards
from lowend.audio import inspect, io
from lowend.audio.inspect import Inspected
from lowend.tracks import Track, clip_sections
from lowend.workers import parallel_map, progress, worker_count


@dataclass(frozen=True, slots=True)
class DownloadConfig:
    """Section `download` of params.yaml."""

    part_s: float

    def __post_init__(self) -> None:
        if self.part_s < 60:
            raise ValueError(f"download.part_s must be at least 60 s, got {self.part_s:g}")


@dataclass(frozen=True, slots=True)
class Job:
    """One file to inspect."""

    id: str
    home: Path
    file: Path


def inspected(files: Sequence[Path]) -> list[tuple[str, Inspected | str]]:
    """Hash of every file, and what it is or why it is unusable; a file whose bytes are known is not decoded."""
    scratch = cache.scratch("inspect", cache.code(inspect, io))
    with ThreadPoolExecutor(worker_count()) as threads:
        hashes = list(progress(threads.map(_sha256, files), "hashing files", len(files)))
    readable = [(h, file) for h, file in zip(hashes, files, strict=True) if not h.startswith("unreadable")]
    jobs = [Job(h[:16], cache.home(scratch, h[:16], h), file) for h, file in readable]
    kept = {k.id: k.reason or Inspected(**k.note["inspected"]) for k in cache.compute(_note, jobs, "reading tracks")}
    return [(h, kept.get(h[:16], h)) for h in hashes]


def _sha256(file: Path) -> str:
    try:
        return inspect.sha256(file)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _note(job: Job) -> list[shards.Member]:
    return [shards.note(job.id, {"inspected": dataclasses.asdict(inspect.inspect(job.file))}, [])]


@dataclass(frozen=True, slots=True)
class Cut:
    """One long file to cut into `parts` equal parts, scaled by `gain`."""

    track: Track
    file: Path
    parts: int
    gain: float


def cut_long(tracks: Sequence[Track], audio: Path, part_s: float) -> list[Track]:
    """Tracks of at most `part_s` seconds: longer ones are replaced by equal parts of themselves.

    Later stages hold a whole track in memory, so this bounds what a worker needs for an hour-long mix.
    A part is 24-bit FLAC at the file's own rate, and a track of its own; `clusters` keeps the parts
    of a file on one side of a split, by the hash of the file. Sections are cut with the audio.
    """
    long = [t for t in tracks if (t.duration or 0) > part_s]
    paths = [next(audio.glob(f"{t.id}.*")) for t in long]
    cuts = []
    for track, path, (_, found) in zip(long, paths, inspected(paths), strict=True):
        assert isinstance(found, Inspected), f"{path} was usable before"
        parts = math.ceil(found.duration / part_s)
        cuts.append(Cut(track, path, parts, min(1.0, 0.999 / found.peak)))
    made = [part for rows in parallel_map(_cut, cuts, "cutting long tracks") for part in rows]
    for path in paths:
        path.unlink()
    return [t for t in tracks if t not in long] + made


def _cut(cut: Cut) -> list[Track]:
    """Write the parts beside the file, a block in memory at a time; returns their rows."""
    rate, decoded = io.blocks(cut.file)
    size = math.ceil((cut.track.duration or 0) * rate / cut.parts)
    names = [hashlib.sha256(f"{cut.track.id}/{n}".encode()).hexdigest()[:16] for n in range(cut.parts)]
    lengths = [0] * cut.parts
    files: list[sf.SoundFile] = []
    for block in decoded:
        scaled = block * np.float32(cut.gain)
        while scaled.shape[1]:
            n = len(files) - 1
            if n < 0 or (lengths[n] == size and n + 1 < cut.parts):
                n += 1
                path = cut.file.with_name(f"{names[n]}.flac")
                files.append(sf.SoundFile(path, "w", rate, len(block), "PCM_24", format="FLAC"))
            take = scaled[:, : size - lengths[n]] if n + 1 < cut.parts else scaled
            files[n].write(take.T)
            lengths[n] += take.shape[1]
            scaled = scaled[:, take.shape[1] :]
    for file in files:
        file.close()
    starts = np.cumsum([0, *lengths]) / rate
    return [_part(cut, n, names[n], float(starts[n]), float(starts[n + 1])) for n in range(len(files))]


def _part(cut: Cut, n: int, name: str, start_s: float, end_s: float) -> Track:
    track = cut.track
    sections = clip_sections(track.sections, start_s, end_s)
    return dataclasses.replace(
        track,
        id=name,
        file_path=f"{track.file_path}#{n + 1}",
        title=f"{track.title} (part {n + 1} of {cut.parts})",
        duration=round(end_s - start_s, 6),
        fingerprint=hashlib.sha256(f"{track.fingerprint}/{n}".encode()).hexdigest()[:16],
        structure=json.dumps(sections) if sections else "",
    )
