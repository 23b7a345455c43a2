"""Clips made ready for a listening page: coded small, brought to one loudness, drawn, and put in an order."""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import av
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lowend.audio import io as audio
from lowend.audio.io import Wave
from lowend.audio.loudness import integrated_lufs
from lowend.metrics.intake import Item
from lowend.page import data_uri
from lowend.tracks import number

MOST_BYTES = 24_000_000
"""Of a page. Its clips are coded as finely as this allows, and the last prompts are left out where it does not."""

BIT_RATES = (32_000, 96_000)  # bits a second, the least and the most, of all channels of a clip
WIDTH, WAVE_ROWS, ROWS = 400, 32, 96  # pixels of a picture: the waveform above the spectrogram
LOWEST_HZ, HIGHEST_HZ, DEPTH_DB = 20.0, 16_000.0, 70.0

_OPUS_RATE, _OPUS_FRAME = 48_000, 960
_PAGE_BYTES = 400_000  # figures, curves and text
_CLIP_BYTES = 13_000  # what a clip takes beside its sound: picture, container, text
_SPARE = 0.92  # Opus exceeds the rate that it is asked for by a little
_FFT = 4096

_UNHEARD = {"tempo": 1.0, "key": 6.0, "wobble": 1.0}  # badness where none was heard: as far off as can be
_ERRORS = {"tempo": "tempo_error", "key": "key_distance", "wobble": "wobble_error"}
_WORSE = {"fad": 1, "kld": 1, "clap": -1, "train_overlap": 1, "clipped_share": 1, "mono_loss_db": 1}
"""Figures that clips can be ordered by; 1 where the highest is the worst, -1 where the lowest is."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One side of a pair as a page holds it; picture and sound are data: URIs, `heard` says how loud it was."""

    name: str
    picture: str
    audio: str
    heard: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What evaluate found in a clip.

    `facts` are words for the reader; `flags` say what went wrong (broken, silent, copy, repeated, tempo,
    key, wobble, structure, instruments), for the filter; `figures` are all other cells; `badness` holds a
    number for every figure that clips can be ordered by, the worst being the highest.
    """

    facts: str
    flags: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    badness: dict[str, float]


def opus_bytes(wav: Wave, rate: int, bit_rate: int) -> bytes:
    """Ogg Opus of [C, S] at about `bit_rate` bits a second: the same wave, the same bytes."""
    layout = "mono" if wav.shape[0] == 1 else "stereo"
    samples = np.clip(audio.resample(wav, rate, _OPUS_RATE), -1, 1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate = _OPUS_RATE
    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options={"fflags": "bitexact"}) as out:
        stream = out.add_stream("libopus", rate=_OPUS_RATE, layout=layout, options={"vbr": "constrained"})
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format="flt", layout=layout, rate=_OPUS_RATE, frame_size=_OPUS_FRAME)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return file.getvalue()


def budget(lengths_s: Sequence[float]) -> tuple[int, int]:
    """How many prompts a page holds, from the top, and the bits a second of their clips.

    `lengths_s` are the seconds of each prompt's clips, both sides together. At least one prompt is held.
    """
    least, most = BIT_RATES
    for held in range(len(lengths_s), 0, -1):
        left = MOST_BYTES - _PAGE_BYTES - 2 * held * _CLIP_BYTES
        rate = left * 6 * _SPARE / max(sum(lengths_s[:held]), 1e-9)  # base64 writes six bits as one byte
        if rate >= least:
            return held, int(min(rate, most))
    return min(1, len(lengths_s)), least


def gains_db(first_lufs: float, second_lufs: float) -> tuple[float, float]:
    """Gains that bring the louder of two to the other's loudness; none where one of them is silent."""
    if not math.isfinite(first_lufs) or not math.isfinite(second_lufs):
        return 0.0, 0.0
    quieter = min(first_lufs, second_lufs)
    return quieter - first_lufs, quieter - second_lufs


def pair(names: tuple[str, str], items: tuple[Item, Item], bit_rate: int) -> list[Sound]:
    """Both sides of a prompt at the loudness of the quieter one, so that none wins by being louder."""
    levels = [integrated_lufs(item.wav, item.rate) for item in items]
    gains = gains_db(levels[0], levels[1])
    return [
        _sound(name, item, level, gain, bit_rate)
        for name, item, level, gain in zip(names, items, levels, gains, strict=True)
    ]


def _sound(name: str, item: Item, level: float, gain: float, bit_rate: int) -> Sound:
    matched = item.wav * np.float32(10 ** (gain / 20))
    heard = f"{level:.1f} LUFS, played at {gain:+.1f} dB" if math.isfinite(level) else "silent"
    return Sound(
        name,
        data_uri("image/webp", picture(item.wav, item.rate)),
        data_uri("audio/ogg", opus_bytes(matched, item.rate, bit_rate)),
        "a file that cannot be read" if item.is_broken else heard,
    )


def picture(wav: Wave, rate: int) -> bytes:
    """WebP of [C, S]: the waveform, and under it a spectrogram on a logarithmic axis, `DEPTH_DB` deep."""
    mono = wav.mean(0)
    image = np.concatenate([_waveform(mono), _spectrogram(mono, rate)])
    file = io.BytesIO()
    Image.fromarray(image, "RGB").save(file, "WEBP", quality=60, method=4)
    return file.getvalue()


def _waveform(mono: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The range of the samples under every column, [WAVE_ROWS, WIDTH, 3]."""
    edges = np.linspace(0, len(mono), WIDTH + 1).astype(int)
    rows = np.linspace(1, -1, WAVE_ROWS)[:, None]
    parts = [mono[a : max(b, a + 1)] for a, b in itertools.pairwise(edges)]
    low, high = (np.array([float(f(part)) if part.size else 0.0 for part in parts]) for f in (np.min, np.max))
    half = 1 / WAVE_ROWS
    inside = (rows >= low[None] - half) & (rows <= high[None] + half)
    return np.where(inside[..., None], np.array([250, 200, 120]), np.array([16, 12, 28])).astype(np.uint8)


def _spectrogram(mono: NDArray[np.float32], rate: int) -> NDArray[np.uint8]:
    """[ROWS, WIDTH, 3] in magma, from HIGHEST_HZ at the top down to LOWEST_HZ."""
    padded = np.pad(mono, _FFT // 2)
    starts = np.linspace(0, max(len(padded) - _FFT, 0), WIDTH).astype(int)
    frames = np.stack([padded[s : s + _FFT] for s in starts]) * np.hanning(_FFT).astype(np.float32)
    level = 10 * np.log10(np.abs(np.fft.rfft(frames)) ** 2 + 1e-9)  # [WIDTH, bins]
    wanted = np.geomspace(HIGHEST_HZ, LOWEST_HZ, ROWS)
    bins = np.fft.rfftfreq(_FFT, 1 / rate)
    columns = np.stack([np.interp(wanted, bins, column, right=level.min()) for column in level], axis=1)
    shade = np.clip((columns - columns.max()) / DEPTH_DB + 1, 0, 1)
    return (_magma()[(shade * 255).astype(int)] * 255).astype(np.uint8)


@functools.cache
def _magma() -> NDArray[np.float64]:
    return np.asarray(matplotlib.colormaps["magma"](np.arange(256)))[:, :3]


def verdict(row: Mapping[str, str]) -> Verdict:
    """What a row of evaluate's table says of a clip; of the columns only bpm, key and is_silent must be there.

    Raises:
        UserError: a figure is not a number.
    """
    flags = [name.removeprefix("is_") for name, cell in row.items() if name.startswith("is_") and cell == "True"]
    dead = [flag for flag in ("broken", "silent") if flag in flags]
    if dead:
        return Verdict({"broken": "a file that cannot be read", "silent": "silence"}[dead[0]], tuple(dead), (), {})
    flags += [name for name in (*_ERRORS, "structure") if row.get(f"{name}_right") == "False"]
    named = number(row.get("instruments_right"), "clips: instruments_right")
    flags += ["instruments"] if named is not None and named < 1 else []
    value = {name: number(row.get(name), f"clips: {name}") for name in ("bpm", "low_share", *_ERRORS.values(), *_WORSE)}
    facts = ["no tempo" if value["bpm"] is None else f"{value['bpm']:.0f} BPM", row["key"] or "no key"]
    if value["low_share"] is not None:
        facts.append(f"{value['low_share']:.0%} of the power in 20–200 Hz")
    badness = {flag: _UNHEARD[flag] for flag in flags if flag in _UNHEARD}
    badness |= {flag: error for flag, name in _ERRORS.items() if (error := value[name]) is not None}
    badness |= {name: sign * found for name, sign in _WORSE.items() if (found := value[name]) is not None}
    told = {"side", "asked_bpm", "bpm", "key", "low_share"}
    figures = [
        (name.replace("_", " "), cell)
        for name, cell in row.items()
        if cell and name not in told and not name.startswith("is_") and not name.endswith("_right")
    ]
    return Verdict(", ".join(facts), tuple(flags), tuple(figures), badness)


def worsened(before: Verdict, after: Verdict) -> dict[str, float]:
    """By how much `after` is worse than `before`, for every figure that both have; below zero it is better."""
    both = after.badness.keys() & before.badness.keys()
    return {name: float(f"{after.badness[name] - before.badness[name]:.6g}") for name in sorted(both)}


def worst_first(verdicts: Sequence[Verdict]) -> list[int]:
    """Indices of clips: broken and silent ones, then by how much is wrong with them, then by the tempo's error."""

    def rank(index: int) -> tuple[bool, int, float, int]:
        found = verdicts[index]
        dead = "broken" in found.flags or "silent" in found.flags
        return not dead, -len(found.flags), -found.badness.get("tempo", math.inf), index

    return sorted(range(len(verdicts)), key=rank)


def fingerprint(sides: Sequence[Sequence[Item]]) -> str:
    """Sixteen hex digits of all sounds of a page, so that ratings of another version of it are told apart."""
    digest = hashlib.sha256()
    for item in (item for side in sides for item in side):
        digest.update(np.ascontiguousarray(item.wav).tobytes())
    return digest.hexdigest()[:16]
