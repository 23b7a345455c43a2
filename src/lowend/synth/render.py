"""Events and a sound to stems. Each different note is rendered once and placed as often as it is played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lowend.synth import bass, drums, melodic, transitions
from lowend.synth.dsp import Wave, fade, samples
from lowend.synth.effects import reverb, room
from lowend.synth.events import DRUM_PARTS, STEM_OF, STEMS, Event
from lowend.synth.mixdown import glue, place, side_chain
from lowend.synth.sound import Sound

_NORMAL = 0.8  # velocity that plays a voice at its own level
_SHORTEST_S = 0.02
_HATS = ("hat", "open_hat")
_TRANSITIONS = ("riser", "downlifter", "impact", "crackle")
_CHOKE_S = 0.006


def render(events: Sequence[Event], sound: Sound, length: int, seed: int) -> dict[str, Wave]:
    """Stems "drums", "bass" and "other", float32 [2, length] at 32 kHz, whose sum is the mix.

    The peak of the mix and of each stem is 0.89 at most. `seed` places a record's crackle; every other wave
    is a matter of the sound, so that songs of one sound share their waves.
    """
    played = sorted((e for e in events if samples(e.start_s) < length), key=lambda e: (e.start_s, e.part, e.pitch))
    stems = {stem: np.zeros((2, length), np.float32) for stem in STEMS}
    if not played:
        return stems
    send = np.zeros(length, np.float32)
    cache: dict[Event, Wave] = {}
    for event, cut in zip(played, _chokes(played), strict=True):
        key = _key(event)
        if key not in cache:
            cache[key] = _wave(key, sound, seed)
        wave = cache[key] if cut is None else fade(cache[key][..., :cut], 0.0, _CHOKE_S)
        start, gain = samples(event.start_s), event.velocity / _NORMAL
        place(stems[STEM_OF[event.part]], wave, start, gain)
        share = _send(event.part, sound)
        if share:
            place(send, wave.mean(0), start, gain * share)
    if send.any():
        wet = reverb(send, room(sound.seed, sound.mix.reverb_s, sound.mix.dark_hz))
        place(stems["other"], wet, 0, sound.mix.reverb)
    kicks = [(samples(e.start_s), e.velocity) for e in played if e.part == "kick"]
    for stem, depth in (("bass", sound.mix.duck_bass), ("other", sound.mix.duck_other)):
        stems[stem] *= side_chain(kicks, length, depth, sound.mix.duck_s)
    for stem, gain in (("drums", sound.mix.drums), ("bass", sound.mix.bass), ("other", sound.mix.other)):
        stems[stem] *= np.float32(gain)
    return glue(stems, sound.mix.drive)


def _key(event: Event) -> Event:
    """The event without what does not change its wave."""
    if event.part in DRUM_PARTS:
        pitch = event.pitch if event.part == "tom" else 0.0
        return Event(event.part, 0.0, 0.0, _NORMAL, pitch)
    return replace(event, start_s=0.0, velocity=_NORMAL, length_s=max(_SHORTEST_S, round(event.length_s, 3)))


def _wave(event: Event, sound: Sound, seed: int) -> Wave:
    if event.part in DRUM_PARTS:
        wave = drums.hit(sound.kit, event.part, event.pitch, sound.shots.get(event.part))
        if event.part in (*_HATS, "shaker", "ride"):
            pan = sound.mix.hat_pan if event.part in _HATS else -sound.mix.hat_pan
            wave = wave * np.array([[1 - pan], [1 + pan]], np.float32)
        return wave
    if STEM_OF[event.part] == "bass":
        return bass.note(sound.bass, event)
    if event.part in _TRANSITIONS:
        patch = sound.transitions
        return transitions.transition(replace(patch, seed=seed) if event.part == "crackle" else patch, event)
    return melodic.note(getattr(sound.voices, event.part), event)


def _send(part: str, sound: Sound) -> float:
    """Share of a part that goes to the long reverb."""
    if STEM_OF[part] != "other" or part == "crackle":
        return 0.0
    return 0.3 if part in _TRANSITIONS else float(getattr(sound.voices, part).send)


def _chokes(played: Sequence[Event]) -> list[int | None]:
    """For each event in order of time, the samples after which the next hat silences it; None where nothing does."""
    out: list[int | None] = [None] * len(played)
    following: int | None = None
    for i in range(len(played) - 1, -1, -1):
        if played[i].part in _HATS:
            start = samples(played[i].start_s)
            if played[i].part == "open_hat" and following is not None and following > start:
                out[i] = following - start
            following = start
    return out
