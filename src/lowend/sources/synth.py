"""Hip-hop and dubstep from the synthesiser, with true stems and a true track table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowend import licences, shards
from lowend.audio.inspect import fingerprint
from lowend.audio.io import decode, flac_bytes
from lowend.errors import UserError
from lowend.shards import Member
from lowend.sources import Fetched
from lowend.synth.song import SAMPLE_RATE, STYLES, song, sub_genres
from lowend.tracks import Track
from lowend.workers import parallel_map


def _save(job: tuple[Path, int, str, int, float, int, str]) -> tuple[Track, list[Member]]:
    """Render one song to `<id>.flac`; returns its row and its true stems."""
    audio, seed, name, index, seconds, palette, genre = job
    made = song(seed, name, index, seconds, palette)
    data = flac_bytes(made.mix, SAMPLE_RATE)
    sha256 = hashlib.sha256(data).hexdigest()
    track_id = sha256[:16]
    (audio / f"{track_id}.flac").write_bytes(data)
    track = Track(
        id=track_id,
        file_path=f"{name} {index:04d}",
        licence="CC0-1.0",
        attribution="lowend synth",
        sha256=sha256,
        fingerprint=fingerprint(decode(data)[0]),
        tier=licences.tier("CC0-1.0"),
        **{**made.info, "genre": genre},  # type: ignore[arg-type]
    )
    stems = [Member(track_id, f"{stem}.flac", flac_bytes(wave, SAMPLE_RATE)) for stem, wave in made.stems.items()]
    return track, stems


def fetch(settings: Mapping[str, Any], path: Path, out: Path, seed: int) -> Fetched:
    """Render `tracks` songs of about `seconds`, sub-genres in turn; `path` holds nothing it needs.

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
    audio = out / "audio"
    audio.mkdir(parents=True)
    jobs = [(audio, seed, names[i % len(names)], i // len(names), seconds, palette, genre) for i in range(count)]
    made = list(parallel_map(_save, jobs, "synthesis"))
    made.sort(key=lambda pair: pair[0].id)
    shards.write(out / "truth", (stems for _, stems in made))
    return Fetched([track for track, _ in made], [])
