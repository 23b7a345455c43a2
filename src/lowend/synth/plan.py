"""What all players of a song share: time, sections and chords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lowend.synth.form import Form
from lowend.synth.harmony import Key, chord_name, voicing
from lowend.synth.styles import FRAME_RATE, Style

STEPS = 16  # sixteenths in a bar

T = TypeVar("T")


def pick(draw: np.random.Generator, options: Sequence[T]) -> T:
    """One of several options, each as likely as the next."""
    return options[int(draw.integers(len(options)))]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its number in the song, and where in which section it lies."""

    number: int
    section: str
    place: int  # in the section, from 0
    length: int  # bars of the section
    visit: int  # how often a section of that name came before

    @property
    def is_last(self) -> bool:
        """Whether the next bar begins another section."""
        return self.place == self.length - 1

    @property
    def is_late(self) -> bool:
        """Whether it lies in the second half of its section."""
        return 2 * self.place >= self.length

    @property
    def growth(self) -> float:
        """What swells through a section: from about a half to 1 in its last bar."""
        return 0.4 + 0.6 * (self.place + 1) / self.length


@dataclass(frozen=True, slots=True)
class Plan:
    """Style, key, form and time of a song."""

    name: str
    style: Style
    beat_frames: float
    swing: float  # delay of the odd sixteenths, in sixteenths
    key: Key
    progression: tuple[int, ...]  # degree of each bar of the loop's chord
    form: Form

    @property
    def step_s(self) -> float:
        """Seconds of a sixteenth."""
        return self.beat_frames / FRAME_RATE / 4

    @property
    def beat_s(self) -> float:
        """Seconds of a beat."""
        return self.beat_frames / FRAME_RATE

    @property
    def bar_s(self) -> float:
        """Seconds of a bar: a whole number of codec frames."""
        return 4 * self.beat_frames / FRAME_RATE

    @property
    def loop(self) -> int:
        """Bars after which chords, bass, drums and melodies come again, but for fills and turns."""
        return len(self.progression)

    @property
    def bars(self) -> int:
        """Bars of the song."""
        return sum(length for _, length in self.form)

    def when(self, bar: int, step: float) -> float:
        """Seconds from the start of the song to a sixteenth of a bar; odd sixteenths swing, triplets do not."""
        late = self.swing if step % 2 == 1 else 0.0
        return round(bar * self.bar_s + (step + late) * self.step_s, 6)

    def walk(self) -> Iterator[Bar]:
        """Every bar in order."""
        number, visits = 0, dict.fromkeys((name for name, _ in self.form), 0)
        for name, length in self.form:
            for place in range(length):
                yield Bar(number, name, place, length, visits[name])
                number += 1
            visits[name] += 1

    def spans(self) -> tuple[tuple[str, float, float], ...]:
        """Name, start and end in seconds of every section."""
        found, bar = [], 0
        for name, length in self.form:
            found.append((name, round(bar * self.bar_s, 3), round((bar + length) * self.bar_s, 3)))
            bar += length
        return tuple(found)

    def degree(self, bar: int) -> int:
        """Scale degree of a bar's chord."""
        return self.progression[bar % self.loop]

    def chord(self, bar: int) -> list[int]:
        """MIDI notes of a bar's chord."""
        return voicing(self.key, self.degree(bar), self.style.sevenths)

    def chord_names(self) -> tuple[str, ...]:
        """The triad of every bar."""
        return tuple(chord_name(self.key, self.degree(bar)) for bar in range(self.bars))

    def loop_names(self) -> tuple[str, ...]:
        """The progression's triads, once through, without repeats in a row."""
        names = [chord_name(self.key, degree) for degree in self.progression]
        return tuple(name for i, name in enumerate(names) if i == 0 or name != names[i - 1])
