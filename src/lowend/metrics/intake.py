"""Clips as an evaluation takes them in: one that cannot be read is there too, as silence, and is counted."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowend import clips
from lowend.audio.io import Wave, read_flac
from lowend.clips import Clip
from lowend.errors import UserError
from lowend.metrics import level

_SILENCE = (np.zeros((1, 32_000), np.float32), 32_000)


@dataclass(frozen=True, slots=True)
class Item:
    """A clip, and its audio [C, S] and Hz."""

    clip: Clip
    wav: Wave
    rate: int
    is_broken: bool

    @property
    def levelled(self) -> tuple[Wave, int]:
        """The audio at the loudness that all is heard at, and its Hz."""
        return level.levelled(self.wav, self.rate)


def read(folder: Path) -> list[Item]:
    """Every clip of the table; one that is missing, undecodable or not of finite samples is a second of silence.

    Leaving it out would let a model gain by breaking its worst clips, and would part the pairs of two models.

    Raises:
        UserError: the table is missing or empty.
    """
    found = []
    for clip in clips.read_table(folder):
        try:
            wav, rate = read_flac((folder / clip.file).read_bytes())
            broken = not wav.size or not np.isfinite(wav).all()
        except (OSError, RuntimeError) as error:
            logging.getLogger(__name__).warning("%s is counted as silence: %s", folder / clip.file, error)
            broken = True
        found.append(Item(clip, *(_SILENCE if broken else (wav, rate)), broken))
    if not found:
        raise UserError(f"{folder / 'clips.csv'} holds no clips: run the generate stage again")
    return found
