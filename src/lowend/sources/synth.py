"""Hip-hop and dubstep from the synthesiser, with true stems and a true track table.

The source's `path` may hold drum samples of the user's, which songs play instead of synthesised drums.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowend import licences, shards
from lowend.audio.inspect import fingerprint
from lowend.audio.io import EXTENSIONS, decode, flac_bytes
from lowend.errors import Unusable, UserError
from lowend.shards import Member
from lowend.sources import Fetched, metadata
from lowend.synth import oneshots
from lowend.synth.oneshots import Shot
from lowend.synth.song import SAMPLE_RATE, STYLES, song, sub_genres
from lowend.tracks import Rejected, Track
from lowend.workers import parallel_map


@dataclass(frozen=True, slots=True)
class Job:
    """One song to render."""

    audio: Path
    seed: int
    sub_genre: str
    index: int
    seconds: float
    palette: int
    genre: str
    shots: Sequence[Shot]
    folder: str  # that the shots are from

    @property
    def name(self) -> str:
        """What the track table calls the song."""
        return f"{self.sub_genre} {self.index:04d}"


def _save(job: Job) -> tuple[Track, list[Member]]:
    """Render one song to `<id>.flac`; returns its row and its true stems."""
    made = song(job.seed, job.sub_genre, job.index, job.seconds, job.palette, job.shots)
    data = flac_bytes(made.mix, SAMPLE_RATE)
    sha256 = hashlib.sha256(data).hexdigest()
    track_id = sha256[:16]
    (job.audio / f"{track_id}.flac").write_bytes(data)
    sampled = {shot.part for shot in job.shots} & {event.part for event in made.events}
    track = Track(
        id=track_id,
        file_path=job.name,
        licence="CC0-1.0",
        attribution=f"lowend synth, one-shots from {job.folder}" if sampled else "lowend synth",
        sha256=sha256,
        fingerprint=fingerprint(decode(data)[0]),
        tier=licences.tier("CC0-1.0"),
        **{**made.info, "genre": job.genre},  # type: ignore[arg-type]
    )
    stems = [Member(track_id, f"{stem}.flac", flac_bytes(wave, SAMPLE_RATE)) for stem, wave in made.stems.items()]
    return track, stems


def fetch(settings: Mapping[str, Any], path: Path, out: Path, seed: int) -> Fetched:
    """Render `tracks` songs of about `seconds`, sub-genres in turn, with the one-shots in `path` if there are some.

    A file of `path` that is no usable sample is set aside, and one whose name tells no drum is left out.

    Raises:
        UserError: the genre has no styles, or `tracks` or `seconds` is out of range.
    """
    genre = str(settings["genre"])
    names = sub_genres(genre)
    if not names:
        known = sorted({style.genre for style in STYLES.values()})
        raise UserError(f"synth has no genre {genre!r}; it has {', '.join(known)}")
    count, seconds, palette = int(settings["tracks"]), float(settings["seconds"]), int(settings["palette"])
    if not (1 <= count <= 100_000 and 8 <= seconds <= 600):
        raise UserError(f"synth: tracks must be 1..100000 and seconds 8..600, got {count} and {seconds:g}")
    shots, rejected = _one_shots(path)
    audio = out / "audio"
    audio.mkdir(parents=True)
    jobs = [
        Job(audio, seed, names[i % len(names)], i // len(names), seconds, palette, genre, shots, path.name)
        for i in range(count)
    ]
    made = list(parallel_map(_save, jobs, "synthesis"))
    made.sort(key=lambda pair: pair[0].id)
    shards.write(out / "truth", (stems for _, stems in made))
    return Fetched([track for track, _ in made], rejected)


def _one_shots(path: Path) -> tuple[list[Shot], list[Rejected]]:
    """The usable drum samples of a folder, and those that are damaged or that its exclude.csv names."""
    tables = metadata.read(path)
    shots, rejected, unknown = [], [], 0
    for file in sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in EXTENSIONS):
        name = metadata.composed(file.relative_to(path).as_posix())
        part = oneshots.part_of(name)
        if name in tables.excluded:
            rejected.append(metadata.left_out(name, tables))
        elif part is None:
            unknown += 1
        else:
            try:
                oneshots.load(file)
            except Unusable as error:
                rejected.append(Rejected(name, "download", str(error)))
            else:
                shots.append(Shot(part, name, file))
    if shots or unknown:
        found = ", ".join(f"{part} {n}" for part, n in sorted(Counter(shot.part for shot in shots).items()))
        text = "%s: one-shots %s; %d files left out, whose names tell no drum or tell of a loop"
        logging.getLogger(__name__).info(text, path, found or "none", unknown)
    return shots, rejected
