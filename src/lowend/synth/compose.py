"""Composition: from a style and names to the plan of a song and all its events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from lowend.seeds import rng
from lowend.synth import basslines, drumming, melodies
from lowend.synth.events import Event
from lowend.synth.form import LEAST_BARS, sections
from lowend.synth.grooves import hits
from lowend.synth.harmony import PROGRESSIONS, STATIC, draw_keys
from lowend.synth.plan import Plan, pick
from lowend.synth.styles import FRAME_RATE, STYLES

_KEYS = 3  # of a palette
_NEAR_TONIC = ("drill", "dubstep", "riddim", "brostep")
_ANSWERED = ("trap", "dubstep", "brostep")  # whose basses slide, switch or answer in their second bar
_DUSTY = ("boom bap", "lo-fi")
_SWEEP_BARS = 2
_LOOPS = (1, 2, 2, 2, 4)  # bars after which the music comes again, as it does where it is made of loops


@dataclass(frozen=True, slots=True)
class Score:
    """A composed song: its plan, and its events in order of time."""

    plan: Plan
    events: tuple[Event, ...]

    @property
    def wobble_hz(self) -> tuple[float, ...]:
        """Rates of the bass's filter, the one that sounds longest first; empty without a wobble."""
        sounding: defaultdict[float, float] = defaultdict(float)
        for event in self.events:
            if event.lfo_hz:
                sounding[event.lfo_hz] += event.length_s
        return tuple(sorted(sounding, key=lambda hz: (-sounding[hz], hz)))


def compose(sub_genre: str, name: str, voices: str, seconds: float) -> Score:
    """A song of about `seconds`, rounded to whole bars, eight at least.

    `name` is what the arrangement is drawn by, `voices` what the keys are: songs that share it share their keys.

    Raises:
        KeyError: the sub-genre is not one of `STYLES`.
    """
    plan = _plan(sub_genre, name, voices, seconds)
    kit = drumming.choose(sub_genre, name)
    kicks = [step for step, _ in hits(kit.odd["kick"])] if kit else []
    parts = [
        drumming.drums(plan, kit) if kit else [],
        basslines.bass(plan, kicks, name),
        melodies.melodies(plan, name),
        _transitions(plan),
    ]
    events = sorted((event for part in parts for event in part), key=lambda e: (e.start_s, e.part, e.pitch))
    return Score(plan, tuple(events))


def _plan(sub_genre: str, name: str, voices: str, seconds: float) -> Plan:
    style = STYLES[sub_genre]
    draw = rng(name, "plan")
    beat_frames = pick(draw, style.beat_frames)
    bars = max(LEAST_BARS, round(seconds * FRAME_RATE / (4 * beat_frames)))
    key = pick(draw, draw_keys(rng(voices, "keys"), style.minor_share, _KEYS))
    loop = pick(draw, _LOOPS[1:] if sub_genre in _ANSWERED else _LOOPS)
    near = sub_genre in _NEAR_TONIC and key.mode == "minor"
    return Plan(
        name=sub_genre,
        style=style,
        beat_frames=beat_frames,
        swing=pick(draw, style.swing),
        key=key,
        progression=pick(draw, (STATIC if near else PROGRESSIONS[key.mode])[loop]),
        form=sections(style.form, bars),
    )


def _transitions(plan: Plan) -> list[Event]:
    """Risers through build-ups, impacts where drops land, downlifters after them, and the crackle of old records."""
    events = []
    before = ""
    for section, start_s, end_s in plan.spans():
        length_s = round(end_s - start_s, 4)
        if section == "buildup":
            events.append(Event("riser", start_s, length_s, 0.8))
        if section == "drop":
            events.append(Event("impact", start_s, plan.bar_s, 0.9))
        if before == "drop":
            events.append(Event("downlifter", start_s, min(length_s, _SWEEP_BARS * plan.bar_s), 0.7))
        before = section
    if plan.name in _DUSTY:
        events += [Event("crackle", bar * plan.bar_s, plan.bar_s, 0.6) for bar in range(plan.bars)]
    return events
