"""Chords, pads, keys, plucks, arpeggios and leads: what plays above the bass, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowend.seeds import rng
from lowend.synth.events import Event
from lowend.synth.grooves import hits
from lowend.synth.plan import STEPS, Bar, Plan, pick

_RHYTHMS = (
    "x..x ..x. .x.. x...",
    "x... x..x ..x. x...",
    "x.x. ..x. x.x. ....",
    "x..x ..x. x..x ..x.",
    "..x. x..x ..x. x...",
    "x... ..x. x... ..xx",
)
_SLOW_RHYTHMS = ("x... .... x... ..x.", "x... ..x. .... x...", "..x. .... x... ....")
_STABS = ("x... .... x... ....", "x..x .... ..x. ....", "..x. ..x. ..x. ..x.", "x... ..x. .... x...")
_ARPS = ((0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0), (0, 1, 2, 1))
_SWEET = 72  # C5, around which melodies lie


@dataclass(frozen=True, slots=True)
class Layer:
    """One player: the part it sounds with, what it plays, in which sections and how loud."""

    part: str
    plays: str  # "held" | "stabs" | "motif" | "slow" | "arp"
    sections: tuple[str, ...]
    velocity: float
    octave: int = 0  # up or down from the usual register


_SONG = ("intro", "verse", "hook", "outro")
_CALM = ("intro", "buildup", "breakdown", "outro")

# A style's template; a song leaves out some of the layers after the first two.
LAYERS: dict[str, tuple[Layer, ...]] = {
    "boom bap": (
        Layer("keys", "stabs", _SONG, 0.75),
        Layer("pluck", "motif", ("hook",), 0.7),
        Layer("pad", "held", ("hook",), 0.4),
        Layer("chords", "held", ("verse", "hook"), 0.4),
    ),
    "trap": (
        Layer("pluck", "motif", _SONG, 0.8),
        Layer("pad", "held", _SONG, 0.55),
        Layer("lead", "slow", ("hook",), 0.55),
        Layer("arp", "arp", ("hook",), 0.45),
    ),
    "lo-fi": (
        Layer("keys", "held", _SONG, 0.75),
        Layer("pluck", "slow", ("hook", "outro"), 0.6),
        Layer("pad", "held", _SONG, 0.4),
    ),
    "drill": (
        Layer("keys", "motif", _SONG, 0.8),
        Layer("pad", "held", _SONG, 0.55, -1),
        Layer("pluck", "slow", ("hook",), 0.6, 1),
        Layer("chords", "stabs", ("hook",), 0.5),
    ),
    "phonk": (
        Layer("lead", "motif", ("verse", "hook", "outro"), 0.8),
        Layer("pad", "held", _SONG, 0.5, -1),
        Layer("chords", "stabs", ("hook",), 0.55),
    ),
    "dubstep": (
        Layer("pad", "held", ("intro", "buildup", "breakdown", "drop", "outro"), 0.6),
        Layer("pluck", "motif", ("intro", "breakdown", "outro"), 0.65),
        Layer("arp", "arp", ("buildup",), 0.5),
        Layer("chords", "stabs", ("drop",), 0.55),
        Layer("lead", "slow", ("drop",), 0.5),
    ),
    "riddim": (
        Layer("pluck", "motif", _CALM, 0.65),
        Layer("chords", "stabs", ("drop",), 0.55),
        Layer("pad", "held", _CALM, 0.5),
        Layer("arp", "arp", ("buildup",), 0.45),
    ),
    "brostep": (
        Layer("pad", "held", _CALM, 0.7),
        Layer("chords", "stabs", ("drop",), 0.6),
        Layer("pluck", "motif", ("intro", "breakdown", "outro"), 0.6),
        Layer("arp", "arp", ("buildup",), 0.5),
        Layer("lead", "motif", ("drop",), 0.5),
    ),
    "house": (
        Layer("chords", "stabs", ("verse", "intro"), 0.7),
        Layer("pad", "held", ("intro", "verse", "breakdown"), 0.5),
        Layer("pluck", "motif", ("verse", "breakdown"), 0.6),
        Layer("arp", "arp", ("breakdown", "verse"), 0.45),
    ),
    "ambient": (
        Layer("pad", "held", ("intro", "verse"), 0.8),
        Layer("pluck", "slow", ("verse",), 0.5),
        Layer("arp", "arp", ("verse",), 0.35),
        Layer("keys", "slow", ("intro", "verse"), 0.45),
    ),
}
_ALWAYS = 2  # layers of every song


Motif = tuple[tuple[tuple[float, int], ...], ...]
"""Four bars of melody: sixteenths with indices of the pentatonic scale."""


def melodies(plan: Plan, name: str) -> list[Event]:
    """Every note above the bass; `name` is what choices are drawn by."""
    draw = rng(name, "melodies")
    layers = LAYERS[plan.name]
    playing = [layer for i, layer in enumerate(layers) if i < _ALWAYS or draw.random() < 0.5]
    stabs, arp = pick(draw, _STABS), pick(draw, _ARPS)
    motifs = {"motif": _motif(draw, _RHYTHMS), "slow": _motif(draw, _SLOW_RHYTHMS)}
    events = []
    for layer in playing:
        for bar in plan.walk():
            if bar.section not in layer.sections:
                continue
            if layer.plays in motifs:
                events += _melody(plan, bar, layer, motifs[layer.plays])
            elif layer.plays == "arp":
                events += _arpeggio(plan, bar, layer, arp)
            else:
                events += _chords(plan, bar, layer, stabs if layer.plays == "stabs" else "x... .... .... ....")
    return events


def _motif(draw: np.random.Generator, rhythms: tuple[str, ...]) -> Motif:
    """A melody in small steps that begins and ends near the tonic, with a second ending every fourth bar."""
    first, second = (hits(pick(draw, rhythms)) for _ in (0, 1))
    at = int(pick(draw, (0, 2, 3)))
    bars = []
    ending = (*(hit for hit in first if hit < second[-1]), second[-1])
    for rhythm in (first, second, ending):
        notes = []
        for step, _ in rhythm:
            notes.append((step, at))
            at = int(np.clip(at + pick(draw, (-2, -1, -1, 0, 1, 1, 2)), -3, 5))
        bars.append(tuple(notes))
    last = (*bars[2][:-1], (bars[2][-1][0], 0))
    return bars[0], bars[1], bars[0], last


def _melody(plan: Plan, bar: Bar, layer: Layer, motif: Motif) -> list[Event]:
    notes = motif[bar.place % plan.loop]
    lift = 12 * layer.octave + (_SWEET - 60 if plan.key.tonic < 6 else 0)
    ends = [step for step, _ in notes[1:]] + [float(STEPS)]
    return [
        _event(plan, bar, layer.part, step, min(end - step, 6), layer.velocity, plan.key.pentatonic(index) + lift)
        for (step, index), end in zip(notes, ends, strict=True)
    ]


def _arpeggio(plan: Plan, bar: Bar, layer: Layer, order: tuple[int, ...]) -> list[Event]:
    """The chord's notes and the lowest one's octave in turn, in sixteenths; it grows through a build-up."""
    notes = plan.chord(bar.number)[:3]
    ladder = [note + 12 for note in (*notes, notes[0] + 12)]
    velocity = layer.velocity * (bar.growth if bar.section == "buildup" else 1.0)
    return [
        _event(plan, bar, layer.part, step, 1, velocity + (0.1 if step % 4 == 0 else 0.0), ladder[order[step % 4]])
        for step in range(STEPS)
    ]


def _chords(plan: Plan, bar: Bar, layer: Layer, pattern: str) -> list[Event]:
    """The bar's chord at every hit, held until the next one or for half a bar; a pad lies through the bar."""
    found = hits(pattern)
    ends = [step for step, _ in found[1:]] + [float(STEPS)]
    quiet = 0.7 if bar.section == "drop" and layer.plays == "held" else 1.0
    return [
        _event(plan, bar, layer.part, step, end - step, layer.velocity * quiet, note + 12 * layer.octave)
        for (step, _), end in zip(found, ends, strict=True)
        for note in plan.chord(bar.number)
    ]


def _event(plan: Plan, bar: Bar, part: str, step: float, steps: float, velocity: float, pitch: float) -> Event:
    start_s = plan.when(bar.number, step)
    length_s = plan.when(bar.number, step + steps) - start_s
    return Event(part, start_s, round(length_s, 4), round(velocity, 2), float(pitch))
