"""Stems of clips and of what they are held against, for what a mix cannot tell: by the starter's separator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lowend.audio.io import Wave
from lowend.audio.separation import Separator
from lowend.metrics import arrangement
from lowend.metrics.arrangement import Stems
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


def listen(items: Sequence[Item], kit: Path) -> list[Stems | None]:
    """What stems tell of every clip whose prompt asks for something that only they tell, None of the others."""
    asked = [item for item in items if arrangement.asks(item.clip) and not item.is_broken]
    if not asked:
        return [None] * len(items)
    separator = _separator(kit)
    made = separator.separate((item.wav, item.rate, item.clip.file) for item in asked)
    found = {
        item.clip.file: arrangement.listen(item.wav, item.rate, stems) for item, stems in zip(asked, made, strict=True)
    }
    return [found.get(item.clip.file) for item in items]
