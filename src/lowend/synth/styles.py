"""What makes a sub-genre: its tempi on the codec's frame grid, its form, harmony and instruments."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_RATE = 50  # of the codec's tokens, per second


@dataclass(frozen=True, slots=True)
class Style:
    """A sub-genre. A bar is a whole number of codec frames, so that a small language model can learn its length."""

    genre: str
    beat_frames: tuple[float, ...]  # at 50 frames/s: 3000 / beat_frames BPM
    form: str  # a key of form.FORMS
    bass: str  # as captions call it
    energy: str = "medium"  # low | medium | high
    swing: tuple[float, ...] = (0.0,)  # delays of the odd sixteenths that songs choose from, in sixteenths
    late_ms: int = 0  # players come up to so much behind the grid; 0 is quantised
    minor_share: float = 0.85
    sevenths: bool = False  # chords of four notes


_LAZY = (0.16, 0.24, 0.32)

STYLES: dict[str, Style] = {
    "boom bap": Style("hiphop", (32, 33, 34), "verses", "bass guitar", swing=_LAZY, late_ms=8, sevenths=True),
    "trap": Style("hiphop", (21, 21.5), "verses", "808 bass", "high"),
    "lo-fi": Style("hiphop", (36, 38), "verses", "bass guitar", "low", _LAZY, 8, 0.5, sevenths=True),
    "drill": Style("hiphop", (21, 21.5), "verses", "808 bass", "high", minor_share=1.0),
    "phonk": Style("hiphop", (22, 23), "verses", "808 bass", "high", minor_share=1.0),
    "dubstep": Style("dubstep", (21.5,), "drops", "wobble bass", "high"),
    "riddim": Style("dubstep", (21, 21.5), "drops", "riddim bass", "high", minor_share=1.0),
    "brostep": Style("dubstep", (20.5, 21.5), "drops", "growl bass", "high"),
    # Material that only the starter's base model hears, so that it is broader than the two genres.
    "house": Style("other", (24,), "club", "synth bass", minor_share=0.6, sevenths=True),
    "ambient": Style("other", (40, 44), "drift", "sub bass", "low", minor_share=0.4),
}


def sub_genres(genre: str) -> list[str]:
    """Sub-genres that the synthesiser knows of a genre, in a fixed order."""
    return [name for name, style in STYLES.items() if style.genre == genre]
