"""One loudness for all that is heard: embedders and taggers hear levels, and a model is not to be told by its level.

Clips are scaled to what a file can hold, and a track keeps its peaks below a ceiling. Left as they are, that would be
most of a clip's distance to real music. What is measured of levels themselves (`sound`) takes clips as they are.
"""

from __future__ import annotations

from lowend.audio import loudness
from lowend.audio.io import Wave

LUFS = -16.0
"""What `normalize.lufs` brings tracks to by default."""


def levelled(wav: Wave, rate: int) -> tuple[Wave, int]:
    """[C, S] at `LUFS`, and its Hz; silence as it is."""
    return loudness.at(wav, rate, LUFS), rate
