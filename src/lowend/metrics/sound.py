"""How a clip sounds, whatever was asked for: low end, stereo, attacks, loudness, clipping.

None of these is better for being more or less: they are held against those of real music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.signal import welch

from lowend.audio.bands import bands
from lowend.audio.io import Wave
from lowend.audio.loudness import integrated_lufs
from lowend.audio.lowband import bass_band
from lowend.metrics.bootstrap import mean

SILENT_PEAK = 1e-3
"""A clip whose largest sample is below this is silent: nothing else is measured of it."""
MOST_LOST_DB = 60.0
"""What folding to mono is said to lose at most: opposite channels lose everything."""

_HOP_S = 0.005
_FLOOR_DB = 50.0  # below the loudest hop, where rises no longer count
_EQUAL = 1e-6  # of the peak: a 24-bit file keeps equal samples equal, and a 20 Hz sine moves faster
_TOP = 0.5  # of the peak: what is flat below it is not clipped


@dataclass(frozen=True, slots=True)
class Sound:
    """One clip as it sounds; every field is None where the clip is silent.

    sub_share, bass_share: of the power from 20 Hz on, what lies in 20-60 and in 60-200 Hz.
    kick_sub_correlation: -1..1, of the levels of 20-60 and 60-120 Hz over time: near 1 they sound
    together, below 0 one makes way for the other.
    mono_loss_db, low_mono_loss_db: power lost by folding the channels to one, of all and of 20-200 Hz.
    stereo_width: share of the power in the difference of the channels, 0 for mono.
    attack_db: how far the level rises within 10 ms in its steepest hundredth.
    lufs: integrated loudness, None also where all of it is below the gate or the clip is under 0.4 s.
    clipped_share: of the samples, those on flat tops of three samples or more.
    """

    sub_share: float | None
    bass_share: float | None
    kick_sub_correlation: float | None
    mono_loss_db: float | None
    low_mono_loss_db: float | None
    stereo_width: float | None
    attack_db: float | None
    lufs: float | None
    clipped_share: float | None


SILENCE = Sound(None, None, None, None, None, None, None, None, None)


def is_silent(wav: Wave) -> bool:
    """Whether [C, S] holds nothing to be heard."""
    return float(np.abs(wav).max(initial=0.0)) < SILENT_PEAK


def shares(wav: Wave, rate: int, edges_hz: Sequence[float]) -> list[float]:
    """Share of the power of [C, S] between neighbours of `edges_hz`, of all from 20 Hz on; 0 for silence."""
    frequency, power = welch(wav.mean(0), rate, nperseg=min(wav.shape[1], rate // 2))
    audible = float(power[frequency >= 20].sum())
    places = np.searchsorted(frequency, edges_hz)
    parts = [float(power[a:b].sum()) for a, b in pairwise(places.tolist())]
    return [part / audible if audible > 1e-12 else 0.0 for part in parts]


def measure(wav: Wave, rate: int) -> Sound:
    """The figures of one clip [C, S]."""
    if is_silent(wav):
        return SILENCE
    sub, bass = shares(wav, rate, (20, 60, 200))
    lufs = integrated_lufs(wav, rate)
    return Sound(
        sub_share=sub,
        bass_share=bass,
        kick_sub_correlation=kick_sub_correlation(wav, rate),
        mono_loss_db=mono_loss_db(wav),
        low_mono_loss_db=mono_loss_db(bass_band(wav, rate)) if len(wav) > 1 else 0.0,
        stereo_width=stereo_width(wav),
        attack_db=attack_db(wav, rate),
        lufs=lufs if np.isfinite(lufs) else None,
        clipped_share=clipped_share(wav),
    )


def kick_sub_correlation(wav: Wave, rate: int) -> float | None:
    """Correlation of the levels of 20-60 and 60-120 Hz of [C, S]; None where one of them does not move."""
    sub, kick = np.sqrt(bands(wav, rate).power[:2].astype(np.float64))
    if min(sub.std(), kick.std()) < 1e-6:
        return None
    return float(np.corrcoef(sub, kick)[0, 1])


def mono_loss_db(wav: Wave) -> float:
    """How far the mean of the channels of [C, S] lies below their mean power, 0 to `MOST_LOST_DB`; 0 for mono."""
    power = np.square(wav, dtype=np.float64).mean()
    folded = np.square(wav.mean(0), dtype=np.float64).mean()
    if power <= 0:
        return 0.0
    return float(np.clip(10 * np.log10(power / max(folded, power * 1e-9)), 0.0, MOST_LOST_DB))


def stereo_width(wav: Wave) -> float:
    """Share of the power of [C, S] that its channels do not have in common: 0 mono, 0.5 unrelated, 1 opposite."""
    power = np.square(wav, dtype=np.float64).mean()
    return float(1 - np.square(wav.mean(0), dtype=np.float64).mean() / power) if power > 0 else 0.0


def attack_db(wav: Wave, rate: int) -> float:
    """The 99th percentile of how far the level of [C, S] rises within 10 ms; 0 for less than 20 ms."""
    hop = max(1, round(_HOP_S * rate))
    hops = wav.shape[1] // hop
    if hops < 4:
        return 0.0
    power = np.square(wav[:, : hops * hop], dtype=np.float64).mean(0).reshape(hops, hop).mean(1)
    level = 10 * np.log10(power + 1e-12)
    level = np.maximum(level, level.max() - _FLOOR_DB)
    return float(np.percentile(np.maximum(level[2:] - level[:-2], 0), 99))


def clipped_share(wav: Wave) -> float:
    """Share of the samples of [C, S] that lie on a flat top of three samples or more."""
    peak = float(np.abs(wav).max(initial=0.0))
    if wav.shape[1] < 3 or peak == 0:
        return 0.0
    same = np.abs(np.diff(wav, axis=1)) <= _EQUAL * peak
    middle = np.zeros(wav.shape, bool)
    middle[:, 1:-1] = same[:, 1:] & same[:, :-1] & (np.abs(wav[:, 1:-1]) > _TOP * peak)
    tops: NDArray[np.bool_] = binary_dilation(middle, np.ones((1, 3), bool))
    return float(tops.mean())


def summarise(clips: Sequence[Sound], resamples: int, name: str) -> dict[str, float]:
    """Means over the clips that have each figure, with intervals; a figure that none has is left out."""
    metrics: dict[str, float] = {}
    rows = [asdict(clip) for clip in clips]
    for figure in asdict(SILENCE):
        values = [row[figure] for row in rows if row[figure] is not None]
        if values:
            metrics |= mean(values, resamples, f"{name}/{figure}").as_metrics(figure)
    return metrics
