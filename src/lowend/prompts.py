"""Checks prompt sets: written as captions are, spread evenly over what they ask for, and the same as their version."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from lowend import captions
from lowend.captions import Template
from lowend.errors import UserError
from lowend.tracks import Track, number, read_csv

SETS = "sets.yaml"
"""The file beside the sets that lists them."""

NEUTRAL = "neutral"
"""The set of other music, by which forgetting is judged: its `sub_genre` is all that a prompt says of style."""

_COLUMNS = ("prompt", "sub_genre", "bpm", "key")
_KEY = re.compile(r"([A-G][#b]?) (minor|major)")
_TONICS, _TEMPI = 12, 3  # that a stratified set holds: of the octave, and of a sub-genre at least

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class PromptSet:
    """What sets.yaml says of prompts/<name>.csv: the hash that its version had, and over what it is stratified."""

    name: str
    version: int
    sha256: str
    stratified: tuple[str, ...]


def read_sets(path: Path) -> list[PromptSet]:
    """The sets of a sets.yaml.

    Raises:
        UserError: an entry lacks something, or is stratified over a column that is not known.
    """
    found = []
    for name, entry in YAML(typ="safe").load(path).items():
        if not isinstance(entry, dict) or set(entry) != {"version", "sha256", "stratified"}:
            raise UserError(f"{path}: `{name}` must hold version, sha256 and stratified")
        unknown = set(entry["stratified"]) - _SPREAD.keys()
        if unknown:
            raise UserError(
                f"{path}: `{name}.stratified` may name {', '.join(_SPREAD)}, got {', '.join(sorted(unknown))}"
            )
        found.append(PromptSet(name, entry["version"], entry["sha256"], tuple(entry["stratified"])))
    return found


def faults(one: PromptSet, folder: Path, template: Template) -> list[str]:
    """What is wrong with a set, a sentence each.

    Raises:
        UserError: its file is missing, or holds a word where a number belongs.
    """
    path = folder / f"{one.name}.csv"
    rows = read_csv(path)
    missing = [column for column in _COLUMNS if not rows or column not in rows[0]]
    if missing:
        return [f"{path} lacks the columns {', '.join(missing)}"]
    found = []
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != one.sha256:
        found.append(
            f"{path} is not what version {one.version} was: undo the change, or raise `{one.name}.version` "
            f"in {folder / SETS} and write sha256: {digest}"
        )
    twice = [text for text, count in Counter(row["prompt"] for row in rows).items() if count > 1]
    found += [f"{path} says {text!r} more than once" for text in twice]
    for line, row in enumerate(rows, start=2):
        if fault := _wording(row, one.name, template, f"{path}, line {line}"):
            found.append(fault)
    return found + [f"{path}: {fault}" for column in one.stratified for fault in _SPREAD[column](rows)]


def _wording(row: Mapping[str, str], name: str, template: Template, where: str) -> str:
    """Why a row does not say what its cells hold, in the words of captions; empty if it does."""
    bpm = number(row["bpm"], f"{where}: bpm")
    if not _KEY.fullmatch(row["key"]):
        return f"{where}: key must be like `F# minor`, got {row['key']!r}"
    genre, sub_genre = (row["sub_genre"], "") if name == NEUTRAL else (name.split("-")[0], row["sub_genre"])
    said = captions.caption(Track("", "", genre=genre, sub_genre=sub_genre, bpm=bpm, key=row["key"]), template)
    wanted = ", ".join(filter(None, (row.get("structure"), said)))
    return "" if row["prompt"].startswith(wanted) else f"{where}: the prompt must begin with {wanted!r}"


def _even(column: str) -> Callable[[Rows], list[str]]:
    def check(rows: Rows) -> list[str]:
        counts = Counter(row.get(column, "") for row in rows)
        if len(counts) > 1 and max(counts.values()) - min(counts.values()) <= 1:
            return []
        return [f"{column} is not spread evenly: {_told(counts)}"]

    return check


def _tempi(rows: Rows) -> list[str]:
    found = []
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        groups[row["sub_genre"]][row["bpm"]] += 1
    for sub_genre, counts in groups.items():
        if len(counts) < _TEMPI or max(counts.values()) - min(counts.values()) > 1:
            found.append(f"the tempi of {sub_genre} are fewer than {_TEMPI} or not spread evenly: {_told(counts)}")
    return found


def _keys(rows: Rows) -> list[str]:
    counts = Counter(row["key"].split(" ")[0] for row in rows)
    if len(counts) == _TONICS and max(counts.values()) - min(counts.values()) <= 1:
        return []
    return [f"the {_TONICS} tonics are not spread evenly: {_told(counts)}"]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'none'} {count}" for name, count in sorted(counts.items()))


_SPREAD: dict[str, Callable[[Rows], list[str]]] = {
    "sub_genre": _even("sub_genre"),
    "bpm": _tempi,
    "key": _keys,
    "structure": _even("structure"),
}
"""What a set can be stratified over, and the check: counts differ by one at most, those of tempi in each sub-genre."""
