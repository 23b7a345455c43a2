"""Bass lines of every style: 808s with glides, walking bass, wobbles, riddim's triplets, call and response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lowend.note_values import WOBBLES
from lowend.seeds import rng
from lowend.synth.events import Event
from lowend.synth.grooves import hits
from lowend.synth.harmony import low
from lowend.synth.plan import STEPS, Bar, Plan, pick

_SHAPES = ("sine", "sine", "triangle")  # of the LFO: whose rate can be heard in the brightness of the bass
# Rates of every quarter of four bars: r the song's own, which its caption names, a and b two others.
_SWITCHES = (
    "rrrr rraa rrrr rrab",
    "rrrr rrab rrrr rrbb",
    "rrrr rrrr rrrr aabb",
    "rrra rrrr rrrb rraa",
    "rrrr rarr rrrr rrbb",
)
_BASSLESS = ("intro", "buildup", "breakdown", "outro")
_GAP_S = 0.01  # between a note and the next


@dataclass(frozen=True, slots=True)
class Note:
    """A note of a line: where it lies in its bar, and how it stands to the root of the bar's chord."""

    step: float
    steps: float
    up: int = 0  # semitones above the root
    glide: float = 0.0  # semitones
    rate: str = ""  # a key of WOBBLES, "" for a steady tone
    velocity: float = 0.8


Line = tuple[tuple[Note, ...], ...]
"""Bars of notes that a section goes round in, as many of them as the song's loop has."""


def bass(plan: Plan, kicks: list[float], name: str) -> list[Event]:
    """Every note of a song's bass; `kicks` are the sixteenths on which the song's first kick pattern hits."""
    draw = rng(name, "bass")
    line = PLAYERS[plan.name](draw, kicks)
    shape = pick(draw, _SHAPES) if plan.style.form == "drops" else ""
    bars = [bar for bar in plan.walk() if _plays(plan, bar)]
    return [event for bar in bars for event in _bar(plan, bar, line[bar.place % plan.loop % len(line)], shape)]


def _plays(plan: Plan, bar: Bar) -> bool:
    """Whether there is bass in a bar: it joins half way through the intro of a hip-hop song, not before a drop."""
    if plan.style.form == "drift" or (plan.style.form == "verses" and bar.section == "intro" and bar.is_late):
        return True
    return bar.section not in _BASSLESS


def _bar(plan: Plan, bar: Bar, notes: tuple[Note, ...], shape: str) -> list[Event]:
    """The events of a bar: one note at a time, and under a wobble a sub that stays steady."""
    root = low(plan.key.note(plan.degree(bar.number)))
    ends = [note.step for note in notes[1:]] + [float(STEPS)]
    events = []
    for note, end in zip(notes, ends, strict=True):
        start_s = plan.when(bar.number, note.step)
        stop_s = plan.when(bar.number, min(note.step + note.steps, end))
        length_s = round(stop_s - start_s - _GAP_S, 4)
        lfo_hz = round(WOBBLES[note.rate] / plan.beat_s, 6) if note.rate else 0.0
        lfo = shape if note.rate else ""
        events.append(Event("bass", start_s, length_s, note.velocity, root + note.up, note.glide, lfo_hz, lfo))
        if shape:
            events.append(Event("sub", start_s, length_s, note.velocity, low(root + note.up)))
    return events


def _notes(pattern: str, longest: float = STEPS) -> list[Note]:
    """The hits of a drum pattern as notes that each last until the next."""
    found = hits(pattern)
    ends = [step for step, _ in found[1:]] + [float(STEPS)]
    return [Note(step, min(end - step, longest), velocity=v) for (step, v), end in zip(found, ends, strict=True)]


def _bar_of(kicks: list[float]) -> list[Note]:
    ends = [*kicks[1:], float(STEPS)]
    return [Note(step, end - step) for step, end in zip(kicks, ends, strict=True)]


def _glided(notes: list[Note], glide: float, up: int = 0) -> tuple[Note, ...]:
    """The bar with its last note sliding, from `up` semitones above the root."""
    last = notes[-1]
    return (*notes[:-1], Note(last.step, last.steps, up, glide, last.rate, last.velocity))


def _trap(draw: np.random.Generator, kicks: list[float]) -> Line:
    """808s that follow the kick; every second bar its last one slides."""
    plain = tuple(_bar_of(kicks))
    busy = _notes(pick(draw, ("X... ..x. ..x. ..x.", "X... .... ..x. x...", "X..x .... ..x. ..x.")))
    slides = draw.choice([12.0, 7.0, -5.0, 5.0], 2, replace=False).tolist()
    return plain, _glided(busy, slides[0]), plain, _glided(busy, slides[1])


def _drill(draw: np.random.Generator, kicks: list[float]) -> Line:
    """Long sliding 808s in threes: up an octave, back down, and through the fifth."""
    first = _notes(pick(draw, ("X..x ..x. .... ..x.", "X... ..x. ...x ....", "X..x .... ..x. ..x.")))
    second = _notes(pick(draw, ("X... ..x. ..x. .x..", "X..x .... .... x..x")))
    slides = draw.choice([12.0, -12.0, 7.0, 3.0], 3, replace=False).tolist()
    rising = _glided(first, slides[0])
    falling = (*_glided(second[:-1], slides[1]), Note(second[-1].step, second[-1].steps, 7, -7.0))
    return rising, falling, rising, _glided(second, slides[2])


def _phonk(draw: np.random.Generator, kicks: list[float]) -> Line:
    """Short distorted 808s on the kick; every second bar its last one slides."""
    plain = tuple(_bar_of(kicks))
    jump = _notes(pick(draw, ("X..x ..x. ..x. ..x.", "X... ..x. .xx. ....")))
    slid = _glided(jump, pick(draw, (12.0, -5.0, 5.0)))
    return plain, slid, plain, slid


def _boom_bap(draw: np.random.Generator, kicks: list[float]) -> Line:
    """A bass guitar that walks: root, fifth, octave, and a step that leads on to the next chord."""
    fifth, octave, seventh = 7, 12, 10
    lead = pick(draw, (-2, 2, -1))
    steady = pick(
        draw,
        (
            (Note(0, 3), Note(3, 2, 0, velocity=0.6), Note(7, 2.5, fifth), Note(10, 3), Note(14, 1.5, octave)),
            (Note(0, 3.5), Note(4, 3, octave), Note(8, 1.5, fifth), Note(10, 3.5), Note(14, 1.5, seventh)),
            (Note(0, 5), Note(6, 1.5, 0, velocity=0.6), Note(8, 3, fifth), Note(11, 2), Note(14, 1.5, fifth)),
        ),
    )
    walking = (*steady[:3], Note(8 if steady[2].step < 8 else 10, 3, fifth), Note(12, 2, octave), Note(14, 2, lead))
    return steady, walking, steady, walking


def _lo_fi(draw: np.random.Generator, kicks: list[float]) -> Line:
    """Long soft notes: root and fifth, and a step that leads on at the end of two bars."""
    plain = pick(
        draw, ((Note(0, 9), Note(10, 5, 7)), (Note(0, 6), Note(6, 3, 12), Note(10, 5)), (Note(0, 7), Note(7, 8)))
    )
    return plain, (*plain[:-1], Note(10, 4), Note(14, 2, pick(draw, (-2, 2))))


def _dubstep(draw: np.random.Generator, kicks: list[float]) -> Line:
    """Half bars that wobble at the song's rate, and a few that switch to others, whole or by halves."""
    rates = dict(zip("rab", draw.choice(list(WOBBLES), 3, replace=False).tolist(), strict=True))
    ups = {"r": 0, "a": 0, "b": pick(draw, (0, 3, 12))}

    def bar(quarters: str) -> tuple[Note, ...]:
        notes = []
        for step, half in ((0, quarters[:2]), (8, quarters[2:])):
            cuts = [(step, 8, half[0])] if half[0] == half[1] else [(step, 4, half[0]), (step + 4, 4, half[1])]
            notes += [Note(start, steps, ups[mark], rate=rates[mark]) for start, steps, mark in cuts]
        return tuple(notes)

    return tuple(bar(quarters) for quarters in pick(draw, _SWITCHES).split())


def _riddim(draw: np.random.Generator, kicks: list[float]) -> Line:
    """One note again and again, cut into beats or triplets on which the wobble's turns begin; the fourth bar moves."""
    cut = pick(draw, (STEPS / 4, STEPS / 3, STEPS / 6, STEPS / 2))
    rate = pick(draw, ("1/8T", "1/8T", "1/4T")) if cut != STEPS / 4 else "1/8T"
    starts = [cut * n for n in range(round(STEPS / cut))]
    plain = tuple(Note(start, cut, rate=rate) for start in starts)
    up = pick(draw, (3, 5, 12))
    return plain, plain, plain, (*plain[:-1], Note(starts[-1], cut, up, rate=rate))


def _brostep(draw: np.random.Generator, kicks: list[float]) -> Line:
    """A long growl calls; growls cut up into sixteenths, some higher up, answer in the second half of a bar."""
    slow = pick(draw, ("1/4", "1/8", "1/8T"))
    call = (Note(0, 8, rate=slow), Note(8, 6, rate=slow), Note(14, 2, 12, rate="1/16"))
    stabs = _notes(pick(draw, ("X.xx .xx. X... x.xx", "X..x ..x. xx.. x.x.", "xx.x x.x. X..x ..xx")), 2)
    every = [Note(n.step, n.steps, 12 if i % 3 == 2 else 0, rate="1/16") for i, n in enumerate(stabs)]
    answer = [note for note in every if note.step >= 8]
    broken = (call[0], *answer)
    held = pick(draw, (broken, call))
    fall = (call[0], *(note for note in answer if note.step < 12), Note(12, 4, 12, -12.0, slow))
    return call, held, call, fall


def _house(draw: np.random.Generator, kicks: list[float]) -> Line:
    """Short notes between the kicks."""
    plain = tuple(_notes(pick(draw, ("..x. ..x. ..x. ..x.", "..xx ..x. ..xx ..x.", "..x. .xx. ..x. .xx.")), 2))
    last = plain[-1]
    return plain, (*plain[:-1], Note(last.step, last.steps, 12))


def _ambient(draw: np.random.Generator, kicks: list[float]) -> Line:
    """A note held through the bar."""
    return ((Note(0, STEPS),),)


PLAYERS: dict[str, Callable[[np.random.Generator, list[float]], Line]] = {
    "boom bap": _boom_bap,
    "trap": _trap,
    "lo-fi": _lo_fi,
    "drill": _drill,
    "phonk": _phonk,
    "dubstep": _dubstep,
    "riddim": _riddim,
    "brostep": _brostep,
    "house": _house,
    "ambient": _ambient,
}
