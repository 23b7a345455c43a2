"""Drum one-shots from a kit's parameters: swept sines, tuned modes, shaped noise and ringing metal.

A hit is the same wave each time. Its room is part of it (a convolution is linear, so that this equals a
reverb send), which costs a convolution a drum instead of one a song.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lowend.seeds import rng
from lowend.synth.dsp import (
    SAMPLE_RATE,
    Rng,
    Wave,
    band,
    decay,
    drive,
    fade,
    high_pass,
    low_pass,
    midi_hz,
    moving,
    noise,
    samples,
    sine,
    square,
    steady,
    to_level,
    to_peak,
)
from lowend.synth.effects import crush, reverb, room

_METAL = (1.0, 1.342, 1.2312, 1.6532, 1.9523, 2.1523)  # inharmonic ratios of a small cymbal's modes
_KICK_RMS = 0.26  # of its loudest 50 ms, so that drive makes a kick denser and not louder
_PEAKS = {"snare": 0.95, "clap": 0.75, "rim": 0.6, "hat": 0.55, "open_hat": 0.45, "shaker": 0.3,
          "ride": 0.32, "tom": 0.6, "crash": 0.5}  # fmt: skip
_SENDS = {"snare": 1.0, "clap": 1.2, "rim": 0.9, "tom": 0.9, "crash": 0.7, "open_hat": 0.4, "shaker": 0.4, "hat": 0.3,
          "ride": 0.5}  # fmt: skip
_TOM_NOTE = 45.0  # of a tom without a pitch


@dataclass(frozen=True, slots=True)
class Kit:
    """A drum kit of one producer. Levels are factors on the usual mix of a kit."""

    seed: int  # of the noise in the hits
    kick_hz: float  # where the sweep ends
    kick_start_hz: float
    kick_speed: float  # of the sweep, 1/s
    kick_decay_s: float
    kick_click: float  # 0..1
    kick_drive: float
    snare_hz: float
    snare_body: float  # 0..1 of tone against noise
    snare_decay_s: float  # of the noise
    snare_low_hz: float  # where the noise begins
    snare_crack: float  # 0..1, the stick
    snare_clap: float  # 0..1 of a clap layered over it
    clap_decay_s: float
    clap_spread_s: float  # between its bursts
    clap_low_hz: float
    hat_metal: float  # 0..1 of ringing squares against noise
    hat_hz: float  # lowest mode
    hat_low_hz: float  # high-pass
    hat_decay_s: float
    open_decay_s: float
    rim_hz: float
    dark_hz: float  # low-pass over the kit: 15500 is bright
    hold: int  # samples that an old sampler repeats; 1: none
    bits: float  # of an old sampler; 0: none
    room_s: float  # reverb time
    room_level: float  # of the room against the hit
    kick_level: float
    snare_level: float
    hat_level: float


def hit(kit: Kit, part: str, pitch: float = 0.0, sample: Wave | None = None) -> Wave:
    """A drum with its room: [2, S], or [S] for a kick, which is dry and in the centre. `pitch` tunes toms alone.

    A `sample` [S] of peak 1 plays instead, through the same wear and room and as loud as the drum.
    """
    dry = _dry(kit, part, pitch)
    wave = dry if sample is None else _as_loud(_worn(kit, sample), dry)
    if part == "kick":
        return wave
    send = np.float32(kit.room_level * _SENDS[part])
    wet = send * reverb(wave, room(kit.seed, kit.room_s, 5000.0))
    wet[:, : len(wave)] += wave
    return fade(wet, 0.0, 0.02)


def _dry(kit: Kit, part: str, pitch: float) -> Wave:
    wave = _worn(kit, _VOICES[part](kit, rng("drum", kit.seed, part), pitch))
    if part == "kick":
        return to_level(wave, _KICK_RMS * kit.kick_level)
    return wave * np.float32(_PEAKS[part] * (kit.snare_level if part in ("snare", "clap") else kit.hat_level))


def _worn(kit: Kit, wave: Wave) -> Wave:
    return crush(to_peak(low_pass(wave, kit.dark_hz)), kit.hold, kit.bits)


def _as_loud(wave: Wave, model: Wave) -> Wave:
    """Scale to the RMS of a model's loudest 50 ms; a mere click stops at twice its peak."""
    peak = float(np.abs(model).max())
    rms = peak / float(np.abs(to_level(model, 1.0)).max())
    loud = to_level(wave, rms)
    return loud * np.float32(min(1.0, 2 * peak / float(np.abs(loud).max())))


def _swept(start_hz: float, end_hz: float, speed: float, length: int) -> Wave:
    """Sine that falls exponentially from one pitch to another, which it never quite reaches."""
    return sine(moving(end_hz + (start_hz - end_hz) * np.exp(-speed * np.arange(length) / SAMPLE_RATE)))


def _metal(hz: float, length: int) -> Wave:
    return np.mean([square(steady(hz * ratio, length, ratio)) for ratio in _METAL], axis=0, dtype=np.float32)


def _kick(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(min(0.6, 4.5 * kit.kick_decay_s))
    body = _swept(kit.kick_start_hz, kit.kick_hz, kit.kick_speed, n) * decay(n, kit.kick_decay_s)
    snap = _swept(1400.0, 90.0, 260.0, n) * decay(n, 0.012)
    click = band(noise(dice, n), 1800, 9000) * decay(n, 0.0035)
    beater = np.float32(kit.kick_click) * (0.5 * snap + 0.35 * click)
    return fade(drive(body + beater, kit.kick_drive), 0.0005, 0.02)


def _snare(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(0.03 + 4.5 * max(kit.snare_decay_s, 0.07))
    low = _swept(1.9 * kit.snare_hz, kit.snare_hz, 130.0, n) * decay(n, 0.075)
    high = _swept(3.0 * kit.snare_hz, 1.74 * kit.snare_hz, 150.0, n) * decay(n, 0.045)
    white = noise(dice, n)
    wires = band(white, kit.snare_low_hz, 11_000) * decay(n, kit.snare_decay_s)
    air = high_pass(white, 6500) * decay(n, 0.6 * kit.snare_decay_s)
    crack = band(noise(dice, n), 1700, 6000) * decay(n, 0.006)
    body, stick = np.float32(kit.snare_body), np.float32(0.8 * kit.snare_crack)
    out = drive(body * (low + 0.5 * high) + (1 - body) * (0.75 * wires + 0.35 * air) + stick * crack, 1.4)
    if kit.snare_clap:
        layer = to_peak(_clap(kit, dice, 0.0))[:n]
        out[: len(layer)] += np.float32(kit.snare_clap * np.abs(out).max()) * layer
    return fade(out, 0.0005, 0.03)


def _clap(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(0.05 + 4.5 * kit.clap_decay_s)
    bursts = np.zeros(n, np.float32)
    for i in range(4):
        start = samples(i * kit.clap_spread_s)
        bursts[start:] = decay(n - start, 0.006 if i < 3 else 0.012) * (0.75 + 0.08 * i)
    start = samples(3 * kit.clap_spread_s)
    bursts[start:] += 0.45 * decay(n - start, kit.clap_decay_s)
    white = noise(dice, n)
    hands = band(white, kit.clap_low_hz, 2.4 * kit.clap_low_hz) + 0.5 * band(white, 2.2 * kit.clap_low_hz, 9000)
    return fade(hands * bursts, 0.0005, 0.03)


def _cymbal(kit: Kit, dice: Rng, low_hz: float, ring_s: float, metal: float) -> Wave:
    n = samples(0.02 + 4.5 * ring_s)
    ring = metal * 2.2 * _metal(kit.hat_hz, n) + (1 - metal) * 0.5 * noise(dice, n)
    stick = 0.5 * noise(dice, n) * decay(n, 0.004)
    return fade(high_pass(ring * decay(n, ring_s) + stick, low_hz, 4), 0.0003, 0.02)


def _hat(kit: Kit, dice: Rng, pitch: float) -> Wave:
    return _cymbal(kit, dice, kit.hat_low_hz, kit.hat_decay_s, kit.hat_metal)


def _open_hat(kit: Kit, dice: Rng, pitch: float) -> Wave:
    return _cymbal(kit, dice, kit.hat_low_hz, kit.open_decay_s, kit.hat_metal)


def _ride(kit: Kit, dice: Rng, pitch: float) -> Wave:
    wash = _cymbal(kit, dice, 3800.0, 0.28, 0.7)
    n = len(wash)
    bell = sum((sine(steady(kit.hat_hz * r, n)) for r in (5.1, 7.43, 9.2)), np.zeros(n, np.float32))
    return to_peak(wash) + 0.12 * bell * decay(n, 0.16)


def _crash(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(2.2)
    white = noise(dice, n)
    early, late = high_pass(white, 3000), band(white, 1500, 7000)
    ring = high_pass(_metal(0.8 * kit.hat_hz, n) + _metal(1.27 * kit.hat_hz, n), 2500)
    return fade(0.5 * early * decay(n, 0.35) + 0.3 * late * decay(n, 0.55) + 1.2 * ring * decay(n, 0.6), 0.001, 0.2)


def _shaker(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(0.13)
    rise = samples(0.028)
    shape = np.concatenate([np.linspace(0, 1, rise, dtype=np.float32) ** 2, decay(n - rise, 0.025)])
    return fade(band(noise(dice, n), 4200, 11_500) * shape, 0.001, 0.02)


def _rim(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(0.09)
    wood = sine(steady(kit.rim_hz, n)) * decay(n, 0.012) + 0.6 * sine(steady(2.71 * kit.rim_hz, n)) * decay(n, 0.006)
    tick = band(noise(dice, n), 2500, 9000) * decay(n, 0.0025)
    return fade(drive(wood + 0.5 * tick, 1.5), 0.0003, 0.01)


def _tom(kit: Kit, dice: Rng, pitch: float) -> Wave:
    n = samples(0.5)
    hz = midi_hz(pitch or _TOM_NOTE)
    skin = _swept(1.7 * hz, hz, 28.0, n) * decay(n, 0.13) + 0.3 * sine(steady(1.59 * hz, n)) * decay(n, 0.05)
    return fade(skin + 0.25 * band(noise(dice, n), 500, 5000) * decay(n, 0.01), 0.0005, 0.05)


_VOICES: dict[str, Callable[[Kit, Rng, float], Wave]] = {
    "kick": _kick, "snare": _snare, "clap": _clap, "rim": _rim, "hat": _hat, "open_hat": _open_hat,
    "shaker": _shaker, "ride": _ride, "tom": _tom, "crash": _crash,
}  # fmt: skip
