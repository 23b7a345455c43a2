"""Seeded hip-hop, dubstep and neighbouring styles with true stems and a true track table.

A track is fixed by (seed, style, index) alone. Tempi sit on the 50 Hz frame grid of the codec
(a beat is a whole or half number of frames), because a small language model learns them sooner.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lowend import licences, shards
from lowend.audio.inspect import fingerprint
from lowend.audio.io import decode, flac_bytes
from lowend.errors import UserError
from lowend.seeds import rng
from lowend.shards import Member
from lowend.sources import Fetched
from lowend.sources import instruments as ins
from lowend.sources.instruments import SAMPLE_RATE, Rng, Wave
from lowend.tracks import Track
from lowend.workers import parallel_map

FRAME_RATE = 50
STEMS = ("drums", "bass", "other")
NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR = (0, 2, 3, 5, 7, 8, 10)
MAJOR = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True, slots=True)
class Style:
    """What makes a sub-genre: tempi as codec frames per beat, and the voices that play."""

    genre: str
    beat_frames: tuple[float, ...]  # at 50 frames/s: 3000 / beat_frames BPM
    kick: tuple[float, ...]  # chance of a kick on each sixteenth
    backbeat: tuple[int, ...]  # sixteenths with a snare or clap
    hats: str  # "eighths" | "rolls" | "triplets" | "offbeats" | "quarters" | "none"
    bass: str  # "round" | "808" | "wobble" | "riddim" | "pulse" | "drone"
    lead: str  # "keys" | "pluck" | "pad" | "cowbell"
    swing: tuple[float, float] = (0.0, 0.0)  # delay of odd sixteenths, in sixteenths
    minor_share: float = 0.8
    energy: str = "medium"


_BOOM = (1, 0, 0, 0.2, 0, 0, 0.1, 0.4, 0.1, 0, 0.8, 0.2, 0, 0, 0.1, 0.1)
_TRAP = (1, 0, 0, 0.3, 0, 0, 0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.4, 0)
_DRILL = (1, 0, 0, 0.6, 0, 0, 0, 0.1, 0, 0, 0.6, 0, 0, 0.2, 0, 0.2)
_HALF = (1, 0, 0, 0.15, 0, 0, 0.3, 0, 0, 0, 0.35, 0.1, 0, 0, 0.3, 0)
_FOUR = (1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)

STYLES: dict[str, Style] = {
    "boom bap": Style("hiphop", (32, 33, 34, 35), _BOOM, (4, 12), "eighths", "round", "keys", (0.12, 0.34)),
    "trap": Style("hiphop", (21, 21.5, 22), _TRAP, (8,), "rolls", "808", "pluck", energy="high"),
    "lo-fi": Style("hiphop", (36, 38, 40), _BOOM, (4, 12), "eighths", "round", "pad", (0.15, 0.36), 0.5, "low"),
    "drill": Style("hiphop", (21, 21.5), _DRILL, (6, 14), "triplets", "808", "keys", energy="high"),
    "phonk": Style("hiphop", (22, 23, 24), _TRAP, (8,), "eighths", "808", "cowbell", energy="high"),
    "dubstep": Style("dubstep", (21.5,), _HALF, (8,), "quarters", "wobble", "pad", energy="high"),
    "riddim": Style("dubstep", (21.5, 21), _HALF, (8,), "none", "riddim", "pluck", energy="high"),
    "brostep": Style("dubstep", (21, 21.5), _HALF, (8,), "eighths", "wobble", "pluck", energy="high"),
    # Material that only the starter's base model hears, so that it is broader than the two genres.
    "house": Style("other", (24, 24.5, 25), _FOUR, (4, 12), "offbeats", "pulse", "pad", (0, 0), 0.6),
    "ambient": Style("other", (40, 44, 48), (0,) * 16, (), "none", "drone", "pad", (0, 0), 0.4, "low"),
}


@dataclass(frozen=True, slots=True)
class Song:
    """A rendered track: stems [2, S] that sum to the mix, and everything that is true of it."""

    stems: dict[str, Wave]
    info: dict[str, str | float]
    sections: tuple[tuple[str, float, float], ...]  # name, start_s, end_s

    @property
    def mix(self) -> Wave:
        """The mix, float32 [2, S], peak below 1."""
        return sum(self.stems.values(), np.zeros((2, 1), np.float32))


@dataclass(frozen=True, slots=True)
class _Score:
    """Timing and harmony shared by the players of one song."""

    rng: Rng  # arrangement
    sound: Rng  # voices and key
    style: Style
    step_s: float
    swing: float
    root: int  # MIDI note of the tonic in the bass octave
    scale: tuple[int, ...]
    chords: tuple[int, ...]  # scale degree of each bar, cyclic
    sections: tuple[tuple[str, int], ...]  # name, bars

    @property
    def bar_s(self) -> float:
        return 16 * self.step_s

    def when(self, bar: int, step: float) -> float:
        late = self.swing if int(step) % 2 and step == int(step) else 0.0
        return bar * self.bar_s + (step + late) * self.step_s

    def bars(self) -> list[tuple[int, str, float]]:
        """Bar index, section name and progress 0..1 through that section."""
        names = [(name, i / n) for name, n in self.sections for i in range(n)]
        return [(bar, name, p) for bar, (name, p) in enumerate(names)]

    def note(self, degree: int) -> int:
        octave, step = divmod(degree, 7)
        return self.root + 12 * octave + self.scale[step]

    def samples(self, steps: float) -> int:
        return int(steps * self.step_s * SAMPLE_RATE)


def _add(track: Wave, wave: Wave, at_s: float, gain: float, pan: float = 0.0) -> None:
    """Mix mono `wave` into stereo `track` in place; pan -1..1, constant power."""
    i = int(at_s * SAMPLE_RATE)
    n = min(len(wave), track.shape[1] - i)
    if n <= 0:
        return
    angle = (pan + 1) * np.pi / 4
    track[0, i : i + n] += np.float32(gain * np.cos(angle) * 2**0.5) * wave[:n]
    track[1, i : i + n] += np.float32(gain * np.sin(angle) * 2**0.5) * wave[:n]


def _plan(rng: Rng, sound: Rng, style: Style, seconds: float) -> _Score:
    step_s = rng.choice(style.beat_frames) / FRAME_RATE / 4
    bars = max(8, round(seconds / (16 * step_s)))
    sections: tuple[tuple[str, int], ...] = (("verse", bars),)
    if style.genre == "dubstep":
        drop = max(6, round(bars * 0.6))
        rest = bars - drop
        sections = (("intro", rest // 2), ("buildup", rest - rest // 2), ("drop", drop))
    elif style.genre == "hiphop":
        sections = (("intro", 1), ("verse", bars // 2), ("hook", bars - bars // 2 - 1))
    minor = rng.random() < style.minor_share
    chords = ((0, 5, 3, 4), (0, 3, 5, 4), (0, 0, 5, 4), (0, 5, 2, 6))[rng.integers(4)]
    return _Score(
        rng=rng,
        sound=sound,
        style=style,
        step_s=float(step_s),
        swing=float(rng.uniform(*style.swing)),
        root=int(rng.choice(sound.integers(29, 39, 3))),
        scale=MINOR if minor else MAJOR,
        chords=chords,
        sections=sections,
    )


def _drums(score: _Score, out: Wave) -> None:
    rng, sound, style = score.rng, score.sound, score.style
    kick, snare, clap = ins.kick(sound), ins.snare(sound), ins.clap(sound)
    closed, opened = ins.hat(sound), ins.hat(sound, is_open=True)
    back = snare if style.lead in ("keys", "pad") else (0.8 * snare + 0.6 * clap)
    pattern = rng.random(16) < np.asarray(style.kick)
    roll_bar = int(rng.integers(2, 4))
    for bar, name, progress in score.bars():
        if (name == "intro" and style.genre == "hiphop") or (style.hats == "none" and not style.backbeat):
            continue
        if name == "intro":
            _add(out, closed, score.when(bar, 8), 0.3)
            continue
        if name == "buildup":
            every = 4 if progress < 0.5 else 2 if progress < 0.75 else 1
            for step in range(0, 16, every):
                gain = 0.25 + 0.5 * (progress + step / 64)
                _add(out, snare, score.when(bar, step), gain)
            continue
        for step in np.flatnonzero(pattern).tolist():
            _add(out, kick, score.when(bar, step), 0.6)
        for step in style.backbeat:
            _add(out, back, score.when(bar, step), 0.9)
        _hats(score, out, bar, closed, opened, rolling=bar % 4 == roll_bar)


def _hats(score: _Score, out: Wave, bar: int, closed: Wave, opened: Wave, rolling: bool) -> None:
    rng, kind = score.rng, score.style.hats
    if kind == "none":
        return
    patterns: dict[str, list[float]] = {
        "eighths": [0, 2, 4, 6, 8, 10, 12, 14],
        "rolls": [0, 2, 4, 6, 8, 10, 12, 14],
        "triplets": [0, 8 / 3, 16 / 3, 8, 10, 12, 40 / 3, 44 / 3],
        "offbeats": [2, 6, 10, 14],
        "quarters": [0, 4, 12],
    }
    steps = patterns[kind]
    if kind == "rolls" and rolling:
        steps = steps[:6] + [12 + i / 2 for i in range(8)]
    for step in steps:
        gain = 0.5 * rng.uniform(0.75, 1.1)
        is_open = kind == "offbeats" or (step == 14 and not rolling)
        _add(out, opened if is_open else closed, score.when(bar, step), gain, pan=0.2)


def _bass(score: _Score, out: Wave) -> list[float]:
    """Play the bass line; returns the wobble rates used, in Hz."""
    rng, kind = score.rng, score.style.bass
    beat_s = 4 * score.step_s
    rates = score.sound.choice([1.0, 1.5, 2.0, 3.0, 4.0], 3, replace=False)
    growl = score.sound.uniform(*((0.5, 0.9) if score.style is STYLES["brostep"] else (0.0, 0.35)))
    glide = float(rng.choice([-5, 5, 7, 12]))
    hits = [0] + [int(s) for s in (6, 10, 14) if rng.random() < 0.55]
    used: list[float] = []
    for bar, name, _ in score.bars():
        if name in ("intro", "buildup"):
            continue
        note = score.note(score.chords[bar % 4])
        if kind == "808":
            for hit, end in zip(hits, [*hits[1:], 16], strict=True):
                slide = glide if hit == hits[-1] and bar % 2 else 0.0
                wave = ins.bass_808(note, score.samples(end - hit), slide, 2.5)
                _add(out, wave, score.when(bar, hit), 0.36)
        elif kind == "round":
            for hit, up in ((0, 0), (3, 0), (7, 12), (10, 0), (14, 7)):
                wave = ins.bass_round(note + up, score.samples(2.6))
                _add(out, wave, score.when(bar, hit), 0.34)
        elif kind in ("wobble", "riddim"):
            for beat in range(0, 4, 2 if kind == "wobble" else 1):
                rate = float(rates[(bar + beat) % 3 if kind == "wobble" else 0]) / beat_s
                steps = 8 if kind == "wobble" else 3
                up = 0 if kind == "wobble" else (0, 0, 3, 0)[beat]
                wave = ins.bass_wobble(rng, note + up, score.samples(steps), rate, growl)
                _add(out, wave, score.when(bar, 4 * beat), 0.42)
                used.append(round(rate, 2))
        else:
            held = kind == "drone"
            for hit in (0,) if held else (2, 6, 10, 14):
                wave = ins.bass_round(note + (0 if held else 12), score.samples(16 if held else 2))
                _add(out, wave, score.when(bar, hit), 0.4)
    return sorted(set(used))


def _lead(score: _Score, out: Wave) -> None:
    rng, kind = score.rng, score.style.lead
    motif = [int(d) for d in rng.choice([0, 1, 2, 4, 6], 6)]
    rhythm = sorted(rng.choice(np.arange(0, 16, 2), 5, replace=False).tolist())
    bright, openness = score.sound.uniform(1.0, 3.0), score.sound.uniform(0.45, 0.75)
    for bar, name, _ in score.bars():
        degree = score.chords[bar % 4]
        gain = 0.5 if name == "drop" else 1.0
        if name != "drop" or kind == "pad":
            for i, third in enumerate((0, 2, 4)):
                note = score.note(degree + third) + 24
                wave = (
                    ins.keys(note, score.samples(14), bright)
                    if kind == "keys"
                    else ins.pad(note, score.samples(16), openness)
                )
                _add(out, wave, score.when(bar, 0), 0.26 * gain, pan=0.5 * (i - 1))
        if kind in ("pluck", "cowbell", "keys"):
            for i, step in enumerate(rhythm):
                note = score.note(degree + motif[i % len(motif)]) + 36
                wave = {"pluck": ins.pluck, "cowbell": ins.cowbell}.get(
                    kind, lambda n, length: ins.keys(n, length, bright)
                )(note, score.samples(3))
                _add(out, wave, score.when(bar, step), 0.34 * gain, pan=0.4 * (-1) ** i)
    if score.style.bass == "round":
        _add(out, ins.crackle(rng, out.shape[1]), 0.0, 0.25)
    for name, start_s, end_s in _spans(score):
        if name == "buildup":
            length = int((end_s - start_s) * SAMPLE_RATE)
            _add(out, ins.riser(rng, length), start_s, 0.4)


def _spans(score: _Score) -> list[tuple[str, float, float]]:
    spans, bar = [], 0
    for name, bars in score.sections:
        spans.append((name, bar * score.bar_s, (bar + bars) * score.bar_s))
        bar += bars
    return [(n, round(a, 3), round(b, 3)) for n, a, b in spans if b > a]


def song(seed: int, sub_genre: str, index: int, seconds: float, palette: int = 0) -> Song:
    """Compose and render one track of about `seconds` (rounded to whole bars, eight at least).

    With a palette of n, tracks of a sub-genre share n sets of voices and keys, as a producer's tracks
    do; with 0 every track has its own.

    Raises:
        KeyError: the sub-genre is not one of `STYLES`.
    """
    style = STYLES[sub_genre]
    draw = rng("synth", seed, sub_genre, index)
    sound = rng("sound", seed, sub_genre, index % palette) if palette else draw
    score = _plan(draw, sound, style, seconds)
    length = int(sum(n for _, n in score.sections) * score.bar_s * SAMPLE_RATE)
    stems = {name: np.zeros((2, length), np.float32) for name in STEMS}
    _drums(score, stems["drums"])
    wobbles = _bass(score, stems["bass"])
    _lead(score, stems["other"])
    stems = _saturate(stems)
    root = NOTES[score.root % 12]
    mode = "minor" if score.scale is MINOR else "major"
    structure = [{"name": n, "start": a, "end": b} for n, a, b in _spans(score)]
    info: dict[str, str | float] = {
        "title": f"{sub_genre} {index}",
        "artist": f"synth {sub_genre} {rng('artist', seed, sub_genre, index).integers(200)}",
        "genre": style.genre,
        "sub_genre": sub_genre,
        "bpm": round(60 / (4 * score.step_s), 2),
        "key": f"{root} {mode}",
        "instruments": ", ".join(_instruments(style)),
        "duration": length / SAMPLE_RATE,
        "structure": json.dumps(structure),
        "synthesis_type": _synthesis(style, score.swing, wobbles),
        "energy_level": style.energy,
    }
    return Song(stems, info, tuple(_spans(score)))


def _saturate(stems: dict[str, Wave], drive: float = 2.4) -> dict[str, Wave]:
    """Bus saturation: the gain that tanh gives the mix, applied to every stem, so that they still sum."""
    mix = np.asarray(sum(stems.values()), np.float32)
    level = drive * mix / max(float(np.abs(mix).max()), 1e-6)
    gain = np.where(np.abs(level) < 1e-4, 1.0, np.tanh(level) / np.where(level == 0, 1.0, level))
    driven = {name: wave * gain for name, wave in stems.items()}
    loudest = [np.abs(sum(driven.values())).max(), *(np.abs(wave).max() for wave in driven.values())]
    scale = 0.89 / max(float(max(loudest)), 1e-6)
    return {name: (wave * scale).astype(np.float32) for name, wave in driven.items()}


def _instruments(style: Style) -> list[str]:
    bass = {"round": "bass guitar", "808": "808 bass", "wobble": "wobble bass"}
    named = bass.get(style.bass, {"riddim": "riddim bass"}.get(style.bass, "synth bass"))
    drums = [] if not style.backbeat else ["drums"]
    lead = {"keys": "electric piano", "pluck": "synth plucks", "pad": "synth pads"}
    return [*drums, named, lead.get(style.lead, "cowbell")]


def _synthesis(style: Style, swing: float, wobbles: list[float]) -> str:
    parts = [style.bass]
    if swing:
        parts.append(f"swing {swing:.2f}")
    if wobbles:
        parts.append("wobble " + "/".join(f"{r:g}" for r in wobbles) + " Hz")
    return "; ".join(parts)


def sub_genres(genre: str) -> list[str]:
    """Sub-genres that the synthesiser knows of a genre, in a fixed order."""
    return [name for name, style in STYLES.items() if style.genre == genre]


def _save(job: tuple[Path, int, str, int, float, int, str]) -> tuple[Track, list[Member]]:
    """Render one song to `<id>.flac`; returns its row and its true stems."""
    audio, seed, name, index, seconds, palette, genre = job
    made = song(seed, name, index, seconds, palette)
    data = flac_bytes(made.mix, SAMPLE_RATE)
    sha256 = hashlib.sha256(data).hexdigest()
    track_id = sha256[:16]
    (audio / f"{track_id}.flac").write_bytes(data)
    track = Track(
        id=track_id,
        file_path=f"{name} {index:04d}",
        licence="CC0-1.0",
        attribution="lowend synth",
        sha256=sha256,
        fingerprint=fingerprint(decode(data)[0]),
        tier=licences.tier("CC0-1.0"),
        **{**made.info, "genre": genre},  # type: ignore[arg-type]
    )
    stems = [Member(track_id, f"{stem}.flac", flac_bytes(wave, SAMPLE_RATE)) for stem, wave in made.stems.items()]
    return track, stems


def fetch(settings: Mapping[str, Any], path: Path, out: Path, seed: int) -> Fetched:
    """Render `tracks` songs of about `seconds`, sub-genres in turn; `path` holds nothing it needs.

    Raises:
        UserError: the genre has no styles, or `tracks` or `seconds` is out of range.
    """
    genre = str(settings["genre"])
    names = sub_genres(genre)
    if not names:
        known = sorted({style.genre for style in STYLES.values()})
        raise UserError(f"synth has no genre {genre!r}; it has {', '.join(known)}")
    count, seconds, palette = int(settings["tracks"]), float(settings["seconds"]), int(settings["palette"])
    if not (1 <= count <= 100_000 and 8 <= seconds <= 600):
        raise UserError(f"synth: tracks must be 1..100000 and seconds 8..600, got {count} and {seconds:g}")
    audio = out / "audio"
    audio.mkdir(parents=True)
    jobs = [(audio, seed, names[i % len(names)], i // len(names), seconds, palette, genre) for i in range(count)]
    made = list(parallel_map(_save, jobs, "synthesis"))
    made.sort(key=lambda pair: pair[0].id)
    shards.write(out / "truth", (stems for _, stems in made))
    return Fetched([track for track, _ in made], [])
