"""Generated clips on disk: `clips.csv` beside `<n>.flac`, with each clip's prompt and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowend.audio.io import Wave, flac_bytes, read_flac
from lowend.errors import UserError
from lowend.tracks import number, read_csv, write_csv


@dataclass(frozen=True, slots=True)
class Prompt:
    """A line of prompts/<genre>.csv: the text, and what it asks for (empty where it does not)."""

    text: str
    sub_genre: str
    bpm: float | None
    key: str


@dataclass(frozen=True, slots=True)
class Clip:
    """One line of clips.csv."""

    file: str
    prompt: str
    sub_genre: str
    bpm: float | None
    key: str
    seed: int


def read_prompts(path: Path, count: int) -> list[Prompt]:
    """The first `count` prompts.

    Raises:
        UserError: there are fewer, or a column is missing.
    """
    rows = read_csv(path)
    for column in ("prompt", "sub_genre", "bpm", "key"):
        if rows and column not in rows[0]:
            raise UserError(f"{path} lacks the column {column}")
    if len(rows) < count:
        raise UserError(
            f"{path} holds {len(rows)} prompts, `generate.clips` asks for {count}: add lines or ask for fewer"
        )
    return [
        Prompt(row["prompt"], row["sub_genre"], number(row["bpm"], f"{path}: bpm"), row["key"]) for row in rows[:count]
    ]


def write(folder: Path, prompts: Sequence[Prompt], seeds: Sequence[int], wavs: Iterable[Wave], rate: int) -> None:
    """Write clips [C, S] and their table; a clip that would clip is scaled to a peak of 0.99."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, (prompt, seed, wav) in enumerate(zip(prompts, seeds, wavs, strict=True)):
        peak = max(float(abs(wav).max()), 1e-9)
        name = f"{n:03d}.flac"
        (folder / name).write_bytes(flac_bytes(wav * min(1.0, 0.99 / peak), rate))
        rows.append(Clip(name, prompt.text, prompt.sub_genre, prompt.bpm, prompt.key, seed))
    write_csv(folder / "clips.csv", rows, ("file", "prompt", "sub_genre", "bpm", "key", "seed"))


def read(folder: Path) -> list[tuple[Clip, Wave, int]]:
    """Every clip with its audio float32 [C, S] and rate in Hz.

    Raises:
        UserError: a clip of the table is missing or cannot be decoded.
    """
    found = []
    for row in read_csv(folder / "clips.csv"):
        bpm = number(row["bpm"], f"{folder}/clips.csv: bpm")
        clip = Clip(row["file"], row["prompt"], row["sub_genre"], bpm, row["key"], int(row["seed"]))
        try:
            wav, rate = read_flac((folder / clip.file).read_bytes())
        except (OSError, RuntimeError) as error:
            raise UserError(f"{folder / clip.file} cannot be read ({error}): run the generate stage again") from None
        found.append((clip, wav, rate))
    return found
