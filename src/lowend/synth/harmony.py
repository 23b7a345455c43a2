"""Keys, chord progressions and voicings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_SCALES = {"minor": (0, 2, 3, 5, 7, 8, 10), "major": (0, 2, 4, 5, 7, 9, 11)}
_PENTATONIC = {"minor": (0, 2, 3, 4, 6), "major": (0, 1, 2, 4, 5)}  # degrees of the scale
_LOW, _MIDDLE = 28, 55  # lowest note of the bass (E1) and of chords (G3)

# Degrees of the chords of a loop, by its bars; none begins elsewhere than on the tonic, or holds a diminished triad.
PROGRESSIONS: dict[str, dict[int, tuple[tuple[int, ...], ...]]] = {
    "minor": {
        1: ((0,),),
        2: ((0, 5), (0, 3), (0, 6), (0, 2), (0, 4)),
        4: ((0, 5, 2, 6), (0, 3, 5, 4), (0, 5, 3, 4), (0, 6, 5, 6), (0, 0, 5, 6), (0, 3, 0, 4), (0, 2, 3, 5)),
    },
    "major": {
        1: ((0,),),
        2: ((0, 5), (0, 3), (0, 4), (0, 1)),
        4: ((0, 5, 3, 4), (0, 3, 1, 4), (0, 2, 3, 4), (0, 4, 5, 3), (0, 3, 5, 4)),
    },
}
# Drill and the dubsteps stay near the tonic, as their producers do.
STATIC: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((0,),),
    2: ((0, 0), (0, 5), (0, 0)),
    4: ((0, 0, 0, 0), (0, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, 6), (0, 0, 3, 5)),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic as a pitch class 0..11 and a mode, minor or major."""

    tonic: int
    mode: str

    @property
    def name(self) -> str:
        """As track tables write it: `F# minor`."""
        return f"{NOTES[self.tonic]} {self.mode}"

    def note(self, degree: int) -> int:
        """MIDI note of a scale degree, counted from the tonic in the octave above middle C; may be negative."""
        octave, step = divmod(degree, 7)
        return 60 + self.tonic + 12 * octave + _SCALES[self.mode][step]

    def pentatonic(self, index: int) -> int:
        """MIDI note of the mode's pentatonic scale, counted as in `note`: fits every chord of the key."""
        octave, step = divmod(index, 5)
        return self.note(7 * octave + _PENTATONIC[self.mode][step])


def draw_keys(rng: np.random.Generator, minor_share: float, count: int) -> tuple[Key, ...]:
    """Different tonics, each with a mode."""
    tonics = rng.choice(12, count, replace=False).tolist()
    return tuple(Key(tonic, "minor" if rng.random() < minor_share else "major") for tonic in tonics)


def chord_name(key: Key, degree: int) -> str:
    """The triad on a degree as track tables write it: `Am`, `F`; a seventh is not named."""
    root, third = (key.note(degree + n) for n in (0, 2))
    return NOTES[root % 12] + ("m" if third - root == 3 else "")


def voicing(key: Key, degree: int, sevenths: bool) -> list[int]:
    """Notes of the chord on a degree, lowest first, within the octave from G3: neighbours are close by themselves."""
    thirds = (0, 2, 4, 6) if sevenths else (0, 2, 4)
    return sorted(_MIDDLE + (key.note(degree + n) - _MIDDLE) % 12 for n in thirds)


def low(note: int) -> int:
    """The same pitch class in the bass octave, E1 to Eb2."""
    return _LOW + (note - _LOW) % 12
