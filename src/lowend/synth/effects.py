"""Effects on whole waves: rooms, stereo width, tape and sampler wear. All are linear but `crush`."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from lowend.seeds import rng
from lowend.synth.dsp import SAMPLE_RATE, Wave, band, decay, high_pass, low_pass, noise, samples, to_peak


@lru_cache(maxsize=8)
def room(seed: int, seconds: float, dark_hz: float) -> Wave:
    """Impulse response [2, S] of a room whose reverb falls by 60 dB in `seconds`; energy 1 a channel.

    What lies above `dark_hz` dies twice as fast; nothing below 180 Hz comes back, so that bass stays dry.
    """
    n = samples(0.9 * seconds)
    out = np.zeros((2, n), np.float32)
    for channel, dice in zip(out, (rng("room", seed, "left"), rng("room", seed, "right")), strict=True):
        white = noise(dice, n)
        dark = low_pass(white, dark_hz)
        channel += dark * decay(n, seconds / 6.9) + (white - dark) * decay(n, seconds / 13.8)
        for delay_s in dice.uniform(0.004, 0.035, 6):  # first reflections
            channel[samples(delay_s)] += float(dice.choice([-5.0, 5.0]))
    out = high_pass(out, 180.0)
    out *= np.linspace(1, 0, n, dtype=np.float32) ** 0.5
    out /= np.sqrt((out * out).sum(1, keepdims=True))
    out.flags.writeable = False  # all drums of a kit share it
    return out


def reverb(send: Wave, impulse: Wave) -> Wave:
    """Convolve a mono send [S] with an impulse response [2, R]; returns [2, S + R - 1]."""
    length = send.shape[-1] + impulse.shape[-1] - 1
    size = next_fast_len(length, real=True)
    return np.asarray(irfft(rfft(send, size) * rfft(impulse, size), size)[:, :length], np.float32)


def widen(mono: Wave, width: float, delay_s: float = 0.011) -> Wave:
    """Stereo [2, S] from mono: a late copy above 250 Hz is added left and taken away right, so mono stays as it was."""
    late = samples(delay_s)
    if width == 0 or len(mono) <= late:
        return np.stack([mono, mono])
    side = np.zeros_like(mono)
    side[late:] = np.float32(width) * high_pass(mono, 250.0, 4)[:-late]
    return np.stack([mono + side, mono - side])


def crush(wave: Wave, hold: int, bits: float) -> Wave:
    """An old sampler: holds each `hold`-th sample and rounds to `bits`; hold 1 and bits 0 leave the wave alone."""
    out = wave
    if hold > 1:
        out = np.repeat(out[..., ::hold], hold, axis=-1)[..., : wave.shape[-1]]
    if bits:
        steps = np.float32(2 ** (bits - 1))
        out = cast(Wave, np.round(out * steps) / steps)
    return out


def wow(length: int, hz: float, cents: float) -> Wave:
    """Pitch factor [length] of a record with a hole off its centre: slow, with a little faster flutter."""
    t = np.arange(length, dtype=np.float32) / np.float32(SAMPLE_RATE)
    swing = np.sin(np.float32(2 * np.pi * hz) * t) + 0.25 * np.sin(np.float32(2 * np.pi * 6.3 * hz) * t)
    return cast(Wave, np.exp2(np.float32(cents / 1200) * swing))


def vinyl(seed: int, seconds: float, clicks_per_s: float) -> Wave:
    """Crackle and hiss [S] of one turn of a record, of peak 1; a longer crackle repeats it."""
    dice, n = rng("vinyl", seed), samples(seconds)
    out = np.zeros(n, np.float32)
    spots = dice.integers(0, n, max(1, round(clicks_per_s * seconds)))
    out[spots] = dice.choice([-1.0, 1.0], len(spots)) * dice.uniform(0.2, 1.0, len(spots)) ** 2
    out = band(out, 700, 7000)
    return to_peak(out) + np.float32(0.012) * band(noise(dice, n), 400, 9000)
