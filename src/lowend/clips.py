"""Generated clips on disk: `clips.csv` beside `<n>.flac`, with each clip's prompt and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from lowend.audio.io import Wave, flac_bytes, read_flac
from lowend.errors import UserError
from lowend.tracks import number, read_csv, write_csv


@dataclass(frozen=True, slots=True)
class Prompt:
    """A line of a prompt set: the text, and what it asks for (empty where it does not).

    `structure` is the part of a track (`intro`, `build-up`, `drop`, ...) and `wobble_hz` the rate of the bass.
    """

    text: str
    sub_genre: str
    bpm: float | None
    key: str
    structure: str = ""
    wobble_hz: float | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """One line of clips.csv."""

    file: str
    prompt: str
    sub_genre: str
    bpm: float | None
    key: str
    seed: int
    structure: str = ""
    wobble_hz: float | None = None


_COLUMNS = tuple(field.name for field in fields(Clip))


def read_prompts(path: Path, count: int) -> list[Prompt]:
    """The first `count` prompts; the columns structure and wobble_hz may be missing.

    Raises:
        UserError: there are fewer, another column is missing, or a cell holds no number or none above 0.
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
        Prompt(
            row["prompt"],
            row["sub_genre"],
            _above_zero(row["bpm"], f"{path}: bpm"),
            row["key"],
            row.get("structure", ""),
            _above_zero(row.get("wobble_hz"), f"{path}: wobble_hz"),
        )
        for row in rows[:count]
    ]


def _above_zero(text: str | None, where: str) -> float | None:
    value = number(text, where)
    if value is not None and value <= 0:
        raise UserError(f"{where} must be above 0, got {text!r}; leave the cell empty where the prompt names none")
    return value


def write(folder: Path, prompts: Sequence[Prompt], seeds: Sequence[int], wavs: Iterable[Wave], rate: int) -> None:
    """Write clips [C, S] and their table; a clip that would clip is scaled to a peak of 0.99."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, (prompt, seed, wav) in enumerate(zip(prompts, seeds, wavs, strict=True)):
        peak = max(float(abs(wav).max()), 1e-9)
        name = f"{n:03d}.flac"
        (folder / name).write_bytes(flac_bytes(wav * min(1.0, 0.99 / peak), rate))
        asked = (prompt.text, prompt.sub_genre, prompt.bpm, prompt.key)
        rows.append(Clip(name, *asked, seed, prompt.structure, prompt.wobble_hz))
    write_csv(folder / "clips.csv", rows, _COLUMNS)


def read_table(folder: Path) -> list[Clip]:
    """The clips of a folder's table; one written before there were structure and wobble_hz asks for neither.

    Raises:
        UserError: the table is missing, or holds a word where a number belongs.
    """
    path = folder / "clips.csv"
    found = []
    for row in read_csv(path):
        bpm, wobble_hz = (number(row.get(name), f"{path}: {name}") for name in ("bpm", "wobble_hz"))
        asked = (row["prompt"], row["sub_genre"], bpm, row["key"])
        found.append(Clip(row["file"], *asked, int(row["seed"]), row.get("structure", ""), wobble_hz))
    return found


def read(folder: Path) -> list[tuple[Clip, Wave, int]]:
    """Every clip with its audio float32 [C, S] and rate in Hz.

    Raises:
        UserError: a clip of the table is missing or cannot be decoded.
    """
    found = []
    for clip in read_table(folder):
        try:
            wav, rate = read_flac((folder / clip.file).read_bytes())
        except (OSError, RuntimeError) as error:
            raise UserError(f"{folder / clip.file} cannot be read ({error}): run the generate stage again") from None
        found.append((clip, wav, rate))
    return found
