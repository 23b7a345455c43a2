"""Songs: composed, rendered, and with everything that is true of them.

A song is fixed by (seed, sub-genre, index, palette) and the user's one-shots alone, whatever other songs are made.
Tempi sit on the 50 Hz frame grid of the codec, because a small language model learns them sooner.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lowend import seeds
from lowend.audio.io import Wave
from lowend.synth import oneshots, sound
from lowend.synth.compose import Score, compose
from lowend.synth.dsp import SAMPLE_RATE
from lowend.synth.events import STEM_OF, STEMS, Event
from lowend.synth.harmony import NOTES
from lowend.synth.melodies import LAYERS
from lowend.synth.oneshots import Shot
from lowend.synth.render import render
from lowend.synth.sound import Sound
from lowend.synth.styles import FRAME_RATE, STYLES, sub_genres

__all__ = ["FRAME_RATE", "NOTES", "SAMPLE_RATE", "STEMS", "STYLES", "Song", "song", "sub_genres"]

_ARTISTS = 200
_HEARD_SHARE = 0.3  # of a song's bars, that an instrument plays in to be named
_NAMES = {
    "chords": {"fm": "electric piano", "string": "piano", "organ": "organ", "": "synth chords"},
    "keys": {"fm": "electric piano", "string": "piano", "organ": "organ", "": "synth chords"},
    "pad": {"": "synth pads"},
    "pluck": {"fm": "bells", "string": "plucked strings", "cowbell": "cowbell", "": "synth plucks"},
    "arp": {"": "arpeggio"},
    "lead": {"fm": "bells", "cowbell": "cowbell", "": "synth lead"},
}
"""What captions call a part, by the kind of voice that it has."""


@dataclass(frozen=True, slots=True)
class Song:
    """A rendered track: stems float32 [2, S] that sum to the mix, and everything that is true of it.

    `info` holds cells of a track table. Times are in seconds; `chords` names the triad of every bar, `swing`
    is the delay of odd sixteenths in sixteenths, `wobble_hz` the rates of the bass's filter, the commonest first.
    """

    stems: dict[str, Wave]
    info: dict[str, str | float]
    sections: tuple[tuple[str, float, float], ...]  # name, start_s, end_s
    events: tuple[Event, ...]
    bar_s: float
    downbeats: tuple[float, ...]
    chords: tuple[str, ...]
    swing: float
    wobble_hz: tuple[float, ...]

    @property
    def mix(self) -> Wave:
        """The mix, float32 [2, S], peak below 1."""
        return sum(self.stems.values(), np.zeros((2, 1), np.float32))


def song(seed: int, sub_genre: str, index: int, seconds: float, palette: int = 0, shots: Sequence[Shot] = ()) -> Song:
    """Compose and render one track of about `seconds` (rounded to whole bars, eight at least).

    With a palette of n, tracks of a sub-genre share n sets of voices and keys, as a producer's tracks
    do; with 0 every track has its own. A drum that `shots` has samples for plays one of them, which
    belongs to the voices.

    Raises:
        Unusable: a sample cannot be read.
        KeyError: the sub-genre is not one of `STYLES`.
    """
    name = f"synth/{seed}/{sub_genre}/{index}"
    voices = f"synth/{seed}/{sub_genre}/palette {index % palette}" if palette else name
    score = compose(sub_genre, name, voices, seconds)
    played = replace(sound.draw(seeds.rng(voices, "sound"), sub_genre), shots=oneshots.draw(shots, voices))
    plan = score.plan
    length = round(plan.bars * plan.bar_s * SAMPLE_RATE)
    artist = seeds.rng("artist", seed, sub_genre, index).integers(_ARTISTS)
    return Song(
        stems=render(score.events, played, length, seeds.seed(name, "render")),
        info={
            "title": f"{sub_genre} {index}",
            "artist": f"synth {sub_genre} {artist}",
            "duration": length / SAMPLE_RATE,
            "instruments": ", ".join(_instruments(score, played)),
            "synthesis_type": _synthesis(score, played),
            **_facts(score),
        },
        sections=plan.spans(),
        events=score.events,
        bar_s=plan.bar_s,
        downbeats=tuple(round(bar * plan.bar_s, 6) for bar in range(plan.bars)),
        chords=plan.chord_names(),
        swing=plan.swing,
        wobble_hz=score.wobble_hz,
    )


def _facts(score: Score) -> dict[str, str | float]:
    """Cells of the track table that composition alone decides; a cell that does not apply is left out."""
    plan, rates = score.plan, score.wobble_hz
    facts: dict[str, str | float] = {
        "genre": plan.style.genre,
        "sub_genre": plan.name,
        "bpm": round(60 / plan.beat_s, 2),
        "key": plan.key.name,
        "structure": json.dumps([{"name": n, "start": a, "end": b} for n, a, b in plan.spans()]),
        "energy_level": plan.style.energy,
        "chords": ", ".join(plan.loop_names()),
    }
    return facts | ({"swing": plan.swing} if plan.swing else {}) | ({"wobble_hz": round(rates[0], 2)} if rates else {})


def _instruments(score: Score, played: Sound) -> list[str]:
    """What plays in a song, as captions name it: drums, bass, and what sounds in a good share of its bars."""
    bars: dict[str, set[int]] = {}
    for event in score.events:
        bars.setdefault(event.part, set()).add(int(event.start_s / score.plan.bar_s + 1e-6))
    drums = ["drums"] if any(STEM_OF[part] == "drums" for part in bars) else []
    parts = [layer.part for layer in LAYERS[score.plan.name]]
    heard = [part for part in parts if len(bars.get(part, ())) >= _HEARD_SHARE * score.plan.bars]
    named = [_NAMES[part].get(getattr(played.voices, part).kind, _NAMES[part][""]) for part in heard]
    bass = "sub bass" if played.bass.kind == "sine" else score.plan.style.bass
    return list(dict.fromkeys([*drums, bass, *named]))


def _synthesis(score: Score, played: Sound) -> str:
    """Kind of bass, swing and wobble in words: `reese; wobble 2.33/4.65 Hz`."""
    swing, rates = score.plan.swing, sorted(score.wobble_hz)
    told = [played.bass.kind] + ([f"swing {swing:.2f}"] if swing else [])
    return "; ".join(told + (["wobble " + "/".join(f"{rate:.2f}" for rate in rates) + " Hz"] if rates else []))
