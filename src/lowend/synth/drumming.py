"""Who hits what and when: drum patterns laid out over the sections of a song."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lowend.seeds import rng
from lowend.synth.events import Event
from lowend.synth.grooves import GROOVES, LEVELS, REST, hits
from lowend.synth.plan import STEPS, Bar, Plan, pick

Pattern = Mapping[str, str]
"""What each part plays in a bar."""

_HIT_S = 0.05
_GHOST = LEVELS["g"]
_TURN = 4  # every so many bars the hats vary
_STRAIGHT = ("kick",)  # parts that come exactly on time: the low end is what a tempo is heard by
_FULL = ("verse", "hook", "drop")
_ROLLS = ((0.0, "x... x... x... x..."), (0.5, "x.x. x.x. x.x. x.x."), (0.75, "xxxx xxxx xxxx xxxx"))
_LAST_ROLL = "xxxx xxxx xxxxxxxx xxxxxxxx"


@dataclass(frozen=True, slots=True)
class Kit:
    """The patterns that one song plays."""

    odd: Pattern
    even: Pattern
    turn: str
    fill: Pattern
    opened: str
    extra: tuple[str, str]
    back: tuple[str, ...]  # parts that share the snare's pattern; ghost notes are the first one's
    feel: str  # name that the small differences of velocity and time are drawn by


def choose(style: str, name: str) -> Kit | None:
    """The patterns of a song, drawn by its name; None where the style has no drums."""
    groove = GROOVES.get(style)
    if groove is None:
        return None
    draw = rng(name, "drums")
    kick, snare, hat = pick(draw, groove.kicks), pick(draw, groove.snares), pick(draw, groove.hats)
    odd, even = ({"kick": kick[i], "snare": snare[i], "hat": hat[i]} for i in (0, 1))
    fill = dict(zip(("kick", "snare", "tom"), pick(draw, groove.fills), strict=True))
    turn, opened, extra = pick(draw, groove.turns), pick(draw, groove.opens), pick(draw, groove.extras)
    return Kit(odd, even, turn, fill, opened, extra, groove.back, name)


def drums(plan: Plan, kit: Kit) -> list[Event]:
    """Every hit of a song, in order of bars."""
    return [event for bar in plan.walk() for event in _play(plan, kit, bar, _bar(kit, plan, bar))]


def _bar(kit: Kit, plan: Plan, bar: Bar) -> dict[str, str]:
    """What each part plays in one bar of the song."""
    if bar.section == "buildup":
        return _roll(bar)
    if bar.section not in _FULL:
        return _light(kit, plan, bar)
    even = bar.place % plan.loop % 2 == 1
    playing = dict(kit.even if even else kit.odd)
    if bar.place % _TURN == _TURN - 1:
        playing["hat"] = kit.turn
    elif even:
        playing["open_hat"] = kit.opened
    if bar.section != "verse" or bar.visit or plan.style.form == "club":
        playing[kit.extra[0]] = kit.extra[1]
    if bar.is_last and bar.length >= _TURN:
        playing |= kit.fill
    layers = {part: _accents(playing["snare"]) for part in kit.back[1:]}
    snare = {kit.back[0]: playing.pop("snare")}
    crash = {"crash": "x... .... .... ...."} if bar.place == 0 and bar.section != "verse" else {}
    return {**playing, **snare, **layers, **crash}


def _light(kit: Kit, plan: Plan, bar: Bar) -> dict[str, str]:
    """Intro, breakdown and outro: no kick and no snare; hats lead in, and die away half way through an outro."""
    if bar.section == "outro":
        return {} if bar.is_late else {"hat": kit.odd["hat"]}
    if bar.section == "intro" and bar.is_late:
        return {"hat": kit.odd["hat"] if plan.style.form == "verses" else "x... .... x... ...."}
    return {}


def _roll(bar: Bar) -> dict[str, str]:
    """A snare that doubles in density on its way to the drop."""
    through = bar.place / bar.length
    pattern = [pattern for start, pattern in _ROLLS if through >= start][-1]
    if bar.is_last:
        pattern = _LAST_ROLL if bar.length > 1 else "x.x. x.x. xxxx xxxxxxxx"
    return {"snare": pattern} | ({"clap": "x... x... x... x..."} if through >= 0.5 else {})


def _accents(pattern: str) -> str:
    return pattern.replace("g", ".")


def _play(plan: Plan, kit: Kit, bar: Bar, playing: Mapping[str, str]) -> list[Event]:
    """The events of one bar; a pattern that comes again is played the same again."""
    events = []
    for part, pattern in playing.items():
        if pattern == REST:
            continue
        humans = rng(kit.feel, "feel", part, pattern)
        for step, level in hits(pattern):
            velocity = level + float(humans.integers(-1, 2)) * 0.05 * (level > _GHOST)
            late_s = float(humans.integers(plan.style.late_ms // 2 + 1)) * 0.002
            if part in _STRAIGHT or step == 0:
                late_s = 0.0
            if bar.section == "buildup":
                velocity *= 0.4 + 0.6 * (bar.place + step / STEPS) / bar.length
            start_s = round(plan.when(bar.number, step) + late_s, 6)
            events.append(Event(part, start_s, _HIT_S, round(min(velocity, 1.0), 2)))
    return events
