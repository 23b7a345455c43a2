"""Takes of a track that differ as takes do: pitch, tempo, wear, drive, balance.

Every change of sound keeps the shape [C, S] (tempo apart), is fixed by its arguments and a generator that
the caller seeds by name, leaves its input as it was, and keeps the power: what is added or driven is
brought back to the power that was there. `take` draws a whole variant of a view; what is true of it then
stands in `lowend/takes.py`.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pedalboard
from scipy.fft import irfft, rfft
from scipy.signal import butter, sosfilt

from lowend.audio import loudness
from lowend.audio.io import Wave
from lowend.audio.lowband import below
from lowend.seeds import rng, seed
from lowend.takes import Change

Generator = np.random.Generator

SAFE_HZ = 200.0
"""Nothing below is ever masked: the bass is what these genres are about."""

_CEILING = 0.99
_NOISE_DB, _CRACKLE_DB = (-50.0, -35.0), (-40.0, -28.0)  # of the power that is there
_TICKS_HZ = 8.0  # of crackle
_DRIVE_DB = (3.0, 9.0)
_MASK_WINDOW = 2048


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """Section `encode.augment` of params.yaml."""

    variants: int  # takes of a view beside the original; 0 for none
    pitch: dict[str, int]  # semitones up or down at most, per genre
    stretch: dict[str, float]  # share by which the tempo may change, per genre; 0 never
    chance: float  # of each of `effects` in a take, and of a blend
    effects: tuple[str, ...]  # of EFFECTS, in the order in which they are applied
    stems_db: float  # gains of drums, bass and the rest up or down at most, in what is mixed of them
    mixup: tuple[float, float]  # share of another track in a blend, drawn between; [0, 0] for none

    def __post_init__(self) -> None:
        unknown = [name for name in self.effects if name not in EFFECTS]
        if unknown:
            raise ValueError(f"encode.augment.effects knows {', '.join(EFFECTS)}; got {unknown[0]!r}")
        if self.variants < 0 or not 0 <= self.chance <= 1 or self.stems_db < 0:
            raise ValueError("encode.augment needs variants and stems_db of 0 or more, and chance in 0..1")
        if not 0 <= self.mixup[0] <= self.mixup[1] < 0.5:
            raise ValueError(f"encode.augment.mixup must rise within 0..0.5, got {list(self.mixup)}")
        if not all(0 <= most <= 12 for most in self.pitch.values()):
            raise ValueError(f"encode.augment.pitch must be in 0..12 semitones, got {self.pitch}")
        if max(self.stretch.values(), default=0) >= 0.5 or min(self.stretch.values(), default=0) < 0:
            raise ValueError(f"encode.augment.stretch must be in 0..0.5, got {self.stretch}")


@dataclass(frozen=True, slots=True)
class Blend:
    """MixUp of a take: the id of the other track, and its share."""

    other: str
    share: float


Circle = list[tuple[int, str]]
"""Tracks by where a hash puts them: one more among them becomes the partner of few."""


def circle(track_ids: Iterable[str]) -> Circle:
    """The tracks that `draw_blend` draws from."""
    return sorted((seed("circle", track_id), track_id) for track_id in track_ids)


def draw_blend(config: AugmentConfig, among: Circle, track_id: str, *names: object) -> Blend | None:
    """What a take of the track is blended with, fixed by `names`; None for nothing."""
    if config.mixup[1] == 0 or len(among) < 2:
        return None
    draw = rng("blend", *names)
    wanted, share = draw.random() < config.chance, float(draw.uniform(*config.mixup))
    first = bisect(among, (seed("partner", *names), ""))
    nearest = (among[(first + step) % len(among)][1] for step in range(2))
    return Blend(next(other for other in nearest if other != track_id), share) if wanted else None


def _power(wav: Wave) -> float:
    return float(np.mean(wav.astype(np.float64) ** 2))


def _levelled(made: Wave, like: Wave) -> Wave:
    """`made` at the power of `like`, lower where it would clip."""
    power = _power(made)
    gain = math.sqrt(_power(like) / power) if power > 0 else 1.0
    peak = float(np.abs(made).max(initial=0)) * gain
    ceiling = max(_CEILING, float(np.abs(like).max(initial=0)))
    return (made * (gain * min(1.0, ceiling / peak if peak > 0 else 1.0))).astype(np.float32)


def as_loud(made: Wave, like: Wave, rate: int) -> Wave:
    """`made` [C, S] at the integrated loudness of `like`, lower where it would clip; silence as it is.

    Equal power is not equal loudness: what drive adds to the treble is heard, what pitch moves below
    40 Hz is not.
    """
    levelled = loudness.at(made, rate, loudness.integrated_lufs(like, rate))
    peak = float(np.abs(levelled).max(initial=0))
    return levelled * np.float32(min(1.0, _CEILING / peak if peak > 0 else 1.0))


def shift(wav: Wave, rate: int, change: Change) -> Wave:
    """The take in another tempo and key: [C, S] -> [C, S / stretch]. Rubber Band, through pedalboard."""
    if change == Change():
        return wav.copy()
    wanted = round(wav.shape[1] / change.stretch)
    made = pedalboard.time_stretch(wav, rate, change.stretch, float(change.semitones), high_quality=True)
    made = np.pad(made[:, :wanted], ((0, 0), (0, max(0, wanted - made.shape[1]))))
    return _levelled(made, wav)


def noise(wav: Wave, rate: int, draw: Generator) -> Wave:
    """Hiss under the music: white noise, 35 to 50 dB below it."""
    gain = math.sqrt(_power(wav)) * 10 ** (draw.uniform(*_NOISE_DB) / 20)
    return _levelled(wav + gain * draw.standard_normal(wav.shape).astype(np.float32), wav)


def crackle(wav: Wave, rate: int, draw: Generator) -> Wave:
    """A worn record: short ticks at random times and strengths, the same in every channel, none of it bass."""
    ticks = np.zeros(wav.shape[1])
    at = draw.integers(wav.shape[1], size=draw.poisson(_TICKS_HZ * wav.shape[1] / rate))
    np.add.at(ticks, at, draw.standard_exponential(len(at)) * draw.choice([-1.0, 1.0], len(at)))
    band = butter(2, [1000, min(8000, 0.45 * rate)], "band", fs=rate, output="sos")
    ticks = sosfilt(band, ticks)
    power = float(np.mean(ticks**2))
    if power == 0:
        return wav.copy()
    gain = math.sqrt(_power(wav) / power) * 10 ** (draw.uniform(*_CRACKLE_DB) / 20)
    return _levelled(wav + (gain * ticks).astype(np.float32), wav)


def tape(wav: Wave, rate: int, draw: Generator) -> Wave:
    """Tape saturation: a soft curve, a little steeper on one side, and less above 12 kHz."""
    drive = 10 ** (draw.uniform(*_DRIVE_DB) / 20)
    peak = max(float(np.abs(wav).max(initial=0)), 1e-9)
    bent = np.tanh(drive * wav / peak + 0.1) - np.tanh(0.1)
    dull = butter(1, min(12_000, 0.45 * rate), fs=rate, output="sos")
    return _levelled(np.asarray(sosfilt(dull, bent, axis=1)), wav)


def distortion(wav: Wave, rate: int, draw: Generator) -> Wave:
    """A fifth of hard drive beside the clean sound."""
    driven = pedalboard.Distortion(drive_db=float(draw.uniform(*_DRIVE_DB)) + 6)(wav, rate)
    return _levelled(0.8 * wav + 0.2 * _levelled(driven, wav), wav)


def mask(wav: Wave, rate: int, draw: Generator) -> Wave:
    """SpecAugment on sound: one band and one moment are silenced, and nothing below 200 Hz is touched.

    https://arxiv.org/abs/1904.08779, sections 2.2 and 2.3: a band of up to an octave, a moment of up
    to 0.3 s. What is shorter than a window of the spectrum is left as it is.
    """
    if wav.shape[1] < _MASK_WINDOW:
        return wav.copy()
    bass, hop = below(wav, rate, SAFE_HZ), _MASK_WINDOW // 2
    shape = np.sqrt(np.hanning(_MASK_WINDOW + 1)[:-1])
    padded = np.pad(wav - bass, ((0, 0), (_MASK_WINDOW, 2 * _MASK_WINDOW)))
    frames = (padded.shape[1] - _MASK_WINDOW) // hop + 1
    hz = np.arange(_MASK_WINDOW // 2 + 1) * rate / _MASK_WINDOW
    # Four bins of distance, because the window spreads a masked bin's edge over its neighbours.
    free = hz > SAFE_HZ + 4 * rate / _MASK_WINDOW
    low = math.exp(draw.uniform(math.log(400), math.log(0.25 * rate)))
    band = free & (hz >= low) & (hz < low * 2 ** draw.uniform(0.25, 1.0))
    start = int(draw.integers(frames))
    moment = slice(start, start + 1 + int(draw.integers(max(1, round(0.3 * rate / hop)))))
    made = np.zeros_like(padded, np.float64)
    for frame in range(frames):
        part = slice(frame * hop, frame * hop + _MASK_WINDOW)
        spectrum = rfft(padded[:, part] * shape, axis=1)
        spectrum[:, band] = 0
        if frame in range(moment.start, moment.stop):
            spectrum[:, free] = 0
        made[:, part] += irfft(spectrum, _MASK_WINDOW, axis=1) * shape
    return bass + made[:, _MASK_WINDOW : _MASK_WINDOW + wav.shape[1]].astype(np.float32)


EFFECTS: dict[str, Callable[[Wave, int, Generator], Wave]] = {
    "tape": tape,
    "distortion": distortion,
    "crackle": crackle,
    "noise": noise,
    "mask": mask,
}
"""Changes of sound that leave tempo and key as they are: (wav [C, S], rate, generator) -> [C, S]."""


def balance(stems: Sequence[Wave], draw: Generator, most_db: float) -> Wave:
    """The mix of stems [C, S], each up to `most_db` louder or quieter, as loud as the plain mix."""
    mix = np.stack(stems).sum(0, dtype=np.float32)
    gains = 10 ** (draw.uniform(-most_db, most_db, len(stems)) / 20)
    return _levelled(np.asarray(np.tensordot(gains, np.stack(stems), 1)), mix)


def blend(wav: Wave, other: Wave, share: float) -> Wave:
    """MixUp of two tracks [C, S]: `share` of the other, which is looped or cut to the length of the first.

    https://arxiv.org/abs/1710.09412, with the share drawn by the caller.
    """
    times = -(-wav.shape[1] // other.shape[1])
    return _levelled((1 - share) * wav + share * np.tile(other, times)[:, : wav.shape[1]], wav)


def draw_change(config: AugmentConfig, genre: str, draw: Generator) -> Change:
    """A change of pitch and tempo within the genre's limits."""
    most, share = config.pitch.get(genre, 0), config.stretch.get(genre, 0.0)
    semitones = int(draw.integers(-most, most + 1))
    return Change(round(1 + float(draw.uniform(-share, share)), 4) if share else 1.0, semitones)


def take(wav: Wave, rate: int, genre: str, config: AugmentConfig, *names: object) -> tuple[Wave, Change]:
    """A variant of [C, S], fixed by `names`, and what its table must follow."""
    draw = rng("augment", *names)
    change = draw_change(config, genre, draw)
    made = shift(wav, rate, change)
    for effect in config.effects:
        if draw.random() < config.chance:
            made = EFFECTS[effect](made, rate, draw)
    return made, change
