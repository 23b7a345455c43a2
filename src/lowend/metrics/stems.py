"""Stems of clips and of what they are held against, for what a mix cannot tell: by the starter's separator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lowend.audio.io import Wave
from lowend.audio.separation import Separator
from lowend.metrics.intake import Item

_OVERLAP = 0.1


@lru_cache(maxsize=1)
def _separator(kit: Path) -> Separator:
    return Separator("starter", kit, shifts=0, overlap=_OVERLAP, stems=4)


def separate(wav: Wave, rate: int, kit: Path) -> tuple[dict[str, Wave], int]:
    """The stems of a mix [C, S], each [C', S'], and their Hz."""
    separator = _separator(kit)
    (made,) = separator.separate([(wav, rate, "")])
    return made, int(separator.samplerate)


def basses(items: Sequence[Item], kit: Path) -> list[tuple[Wave, int] | None]:
    """The bass stem [C, S] and its Hz of every clip whose prompt asks for a wobble, None of the others."""
    asked = [item for item in items if item.clip.wobble_hz and not item.is_broken]
    if not asked:
        return [None] * len(items)
    separator = _separator(kit)
    made = separator.separate((item.wav, item.rate, item.clip.file) for item in asked)
    rate = int(separator.samplerate)
    found = {item.clip.file: (stems["bass"], rate) for item, stems in zip(asked, made, strict=True)}
    return [found.get(item.clip.file) for item in items]
