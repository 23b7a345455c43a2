"""From placed waves to stems that sum to the mix: side-chain, saturation by a common gain, and the final level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from lowend.synth.dsp import Wave, samples

PEAK = 0.89  # of the mix and of each stem, at most
_CHUNK = 1 << 15  # samples that stay in the cache of a core
_DIP_S = 0.004  # in which a kick pushes the others down


@dataclass(frozen=True, slots=True)
class Mix:
    """The settings of a mixing desk."""

    drums: float  # gains of the stems
    bass: float
    other: float
    duck_bass: float  # 0..1: how far a kick pushes the bass down
    duck_other: float
    duck_s: float  # until it is back
    drive: float  # of the bus; 0.5 is gentle, 2 is a brick
    hat_pan: float  # -1 left .. 1 right
    reverb_s: float  # of the long reverb
    dark_hz: float  # of the long reverb
    reverb: float  # level of the long reverb


def place(bus: Wave, wave: Wave, start: int, gain: float) -> None:
    """Add [S] or [2, S] to a bus [2, L] or [L] from sample `start`; what reaches beyond the end is cut off."""
    end = min(start + wave.shape[-1], bus.shape[-1])
    if start < end:
        bus[..., start:end] += np.float32(gain) * wave[..., : end - start]


def side_chain(kicks: Sequence[tuple[int, float]], length: int, depth: float, seconds: float) -> Wave:
    """Gain [length] that every kick (start, velocity) pushes down by `depth` and that comes back in `seconds`."""
    gain = np.ones(length, np.float32)
    dip, back = samples(_DIP_S), samples(seconds)
    shape = np.concatenate([np.linspace(0, 1, dip, dtype=np.float32), np.linspace(1, 0, back, dtype=np.float32) ** 1.5])
    for start, velocity in kicks:
        first = max(start - dip // 2, 0)
        part = gain[first : first + len(shape)]
        np.minimum(part, 1 - np.float32(min(1.0, depth * velocity / 0.8)) * shape[: len(part)], out=part)
    return gain


def glue(stems: dict[str, Wave], drive: float) -> dict[str, Wave]:
    """Saturate the sum and set the level, so that the stems still sum to the mix and the peak is `PEAK`.

    One gain a sample for both sides of all stems, so that what is in the centre stays there. It comes from the
    power of the stems, not of the mix: where two of them cancel, each would keep a peak that no listener hears
    and the whole song would have to be quieter for it.
    """
    waves = list(stems.values())
    length = waves[0].shape[1]
    peak = 0.0
    for start in range(0, length, _CHUNK):
        parts = [wave[:, start : start + _CHUNK] for wave in waves]
        power = sum(np.square(part).mean(0) for part in parts)
        gain = 1 / np.sqrt(1 + np.float32(drive**2) * power)
        for part in parts:
            part *= gain
        peak = max(peak, *(float(np.abs(part).max()) for part in (*parts, cast(Wave, sum(parts)))))
    scale = np.float32(0.99999 * PEAK / peak if peak > 1e-6 else 1.0)
    for wave in waves:
        wave *= scale
    return stems
