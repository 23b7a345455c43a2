"""Tempo, beats and bars from onset envelopes, helped by the tempo that a backend hears.

Music for dancing repeats itself bar by bar, so a tempo is judged by how alike the onsets are after
one, two, four and eight beats. Which octave is meant, and where the bar begins, is what conventions
of the genre decide: the range of tempi, how densely the beat is divided, kicks, snares and chords.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.signal import zoom_fft

from lowend.audio.bands import CHROMA_RATE, FRAME_RATE, HIGH, LOW, MID, Bands, Tones

Array = NDArray[np.float64]

_RIPPLE = 0.03  # rises under half a decibel: a held low note ripples like this
_UNHEARD = 1e-5  # of the loudest band: what a band holds 50 dB below it is leakage of the window
_SEARCH_BPM = (55.0, 185.0)
_LAGS_BEATS = (1, 2, 4, 8)
_OFF_BEATS = (4 / 3, 8 / 3, 16 / 3)  # the beats of a tempo that is half as fast again
_OFF_WEIGHT = 0.4
_NEAR = 0.03  # relative: a tempo of the backend within this of a candidate speaks for it
_VOTE = 0.03  # what the backend's vote is worth, in correlation
_DENSE = 3.0  # onsets in a beat from which on it is two beats
_SHORTEST_S = 4.0
_STEADY = 0.2  # correlation under which there is no beat
_EIGHTHS = 8  # in a bar
_ODD = 6  # onsets on odd sixteenths that make a swing
_TIGHT = 0.03  # eighths: three quarters of them are this near to its middle
_LATE_S = 0.004  # a rise is strongest this long before its onset's own frame


@dataclass(frozen=True, slots=True)
class Grid:
    """Beats and downbeats in seconds, in order; steadiness 0..1: how alike the onsets of neighbouring bars are.

    bpm is None, and there are no beats, where nothing repeats.
    """

    bpm: float | None
    beats: Array
    downbeats: Array
    steadiness: float


@dataclass(frozen=True, slots=True)
class Onsets:
    """Rises of level at 100 a second [F]: of kick and bass, of snare and clap, of hats, of all bands."""

    low: Array
    mid: Array
    high: Array
    all: Array


def onsets(bands: Bands) -> Onsets:
    """Onset envelopes; each band counts relative to its own loud frames, so that a quiet hat is heard."""
    loud = np.percentile(bands.power, 99, axis=1, keepdims=True)
    level = np.minimum((bands.power / (loud + _UNHEARD * loud.max() + 1e-12)) ** 0.25, 1.2)
    rise = np.zeros(level.shape)
    rise[:, 1:-1] = np.maximum(level[:, 2:] - level[:, :-2] - _RIPPLE, 0)
    return Onsets(*(rise[part].sum(0) for part in (LOW, MID, HIGH, slice(None))))


def cut(onset: Onsets, part: slice) -> Onsets:
    """A part of the envelopes."""
    return Onsets(onset.low[part], onset.mid[part], onset.high[part], onset.all[part])


def autocorrelation(envelope: Array) -> Array:
    """Autocorrelation [F] of an envelope, 1 at lag 0, each lag by the frames that it overlaps."""
    frames = len(envelope)
    size = 1 << (2 * frames).bit_length()
    spectrum = np.fft.rfft(envelope - envelope.mean(), size)
    found = np.fft.irfft(np.abs(spectrum) ** 2, size)[:frames]
    found /= np.maximum(frames - np.arange(frames), frames / 4)
    return np.convolve(found / max(found[0], 1e-9), (0.25, 0.5, 0.25), "same")


def likeness(correlation: Array, bpm: Array, lags_beats: Sequence[float] = _LAGS_BEATS) -> Array:
    """Mean autocorrelation [N] at some beats of each tempo [N]; lags over 0.7 F are left out."""
    frames = np.arange(len(correlation))
    lags = np.outer(lags_beats, 60 * FRAME_RATE / bpm)
    inside = lags < 0.7 * len(correlation)
    values = np.interp(lags, frames, correlation) * inside
    return values.sum(0) / np.maximum(inside.sum(0), 1)


def octaves(bpm: float, low: float, high: float) -> list[float]:
    """The octaves of a tempo inside low..high, slow ones first; the tempo itself if there are none."""
    inside = [bpm * 2.0**k for k in range(-3, 4) if low <= bpm * 2.0**k <= high]
    return inside or [bpm]


def density(onset: Onsets, bpm: float) -> float:
    """Onsets in a beat: of all bands or of the hats, whichever has more."""
    minutes = len(onset.all) / FRAME_RATE / 60
    return max(count(onset.all), count(onset.high)) / (bpm * minutes)


def count(envelope: Array) -> int:
    """How many onsets an envelope holds."""
    return int(_peaks(envelope, 0.3).sum())


def _peaks(envelope: Array, least: float) -> NDArray[np.bool_]:
    """Local maxima [F] within 40 ms that reach a share of the loud ones."""
    return (envelope == maximum_filter1d(envelope, 9)) & (envelope > least * np.percentile(envelope, 98))


def tempo(onset: Onsets, heard: float | None, bpm_range: tuple[float, float]) -> tuple[float | None, float]:
    """Tempo and its steadiness 0..1; `heard` is the backend's tempo, in any octave, or None.

    Where two octaves lie in the range, the faster one is meant if the slow beat is divided into three
    onsets or more: rolling hats of trap and drill are written at 140, not at 70.
    """
    if len(onset.all) < _SHORTEST_S * FRAME_RATE:
        return None, 0.0
    correlation = autocorrelation(onset.all)
    low, high = _SEARCH_BPM
    candidates = low * 2 ** np.arange(0, np.log2(high / low), 0.0015)
    scores = likeness(correlation, candidates) - _OFF_WEIGHT * likeness(correlation, candidates, _OFF_BEATS)
    if heard:
        away = np.log2(candidates / heard)
        scores = scores + _VOTE * (np.abs(away - np.round(away)) < np.log2(1 + _NEAR))
    best = float(candidates[np.argmax(scores)])
    steadiness = float(np.clip(likeness(correlation, np.array([best]))[0], 0, 1))
    if steadiness < _STEADY:
        return None, steadiness
    slow, *faster = octaves(_refine(onset.all, best), *bpm_range)
    dense = faster and density(onset, slow) >= _DENSE
    return (faster[0] if dense else slow), steadiness


def _refine(envelope: Array, bpm: float) -> float:
    """The tempo within 1.5 % at which beats, halves and quarters of it line up best over the track."""
    spectra = [
        np.abs(zoom_fft(envelope - envelope.mean(), np.array((0.985, 1.015)) * m * bpm / 60, 121, fs=FRAME_RATE))
        for m in (1, 2, 4)
    ]
    return float(bpm * np.linspace(0.985, 1.015, 121, endpoint=False)[np.argmax(sum(spectra))])


def grid(onset: Onsets, tones: Tones, bpm: float | None, steadiness: float) -> Grid:
    """Beats and downbeats of a track at `bpm`; the tempo may drift by about one per cent."""
    none = np.zeros(0)
    if bpm is None:
        return Grid(None, none, none, steadiness)
    phase = eighths(onset, bpm)
    phase = phase - _first_of_bar(onset, tones, phase)
    times = np.arange(len(phase)) / FRAME_RATE + _LATE_S

    def crossings(every: int) -> Array:
        marks = np.arange(np.ceil(phase[0] / every - 0.1), np.floor(phase[-1] / every) + 1) * every
        return np.asarray(np.interp(marks, phase, times))

    return Grid(bpm, crossings(2), crossings(_EIGHTHS), steadiness)


def eighths(onset: Onsets, bpm: float) -> Array:
    """Position of each frame [F] in eighths, growing: whole numbers are where onsets line up.

    The phase of the eighth is measured in windows of 8 s and interpolated, so that it follows a drift.
    """
    envelope = onset.all - onset.all.mean()
    t = np.arange(len(envelope)) / FRAME_RATE
    speed = bpm / 30
    window = min(8 * FRAME_RATE, len(envelope))
    sums = np.cumsum(np.concatenate(([0], envelope * np.exp(-2j * np.pi * speed * t))))
    starts = np.arange(0, len(envelope) - window + 1, window // 4)
    found = sums[starts + window] - sums[starts]
    sure = np.abs(found) >= 0.2 * np.abs(found).max()
    centres = (starts + window / 2)[sure] / FRAME_RATE
    phase = speed * t + np.interp(t, centres, np.unwrap(np.angle(found[sure])) / (2 * np.pi))
    places = places_of(onset.all, phase)
    for reach in (0.2, 0.1):  # swung sixteenths and triplets pull at the phase; onsets on the eighth do not
        near = places[np.abs(places) < reach]
        shift = float(np.median(near)) if len(near) else 0.0
        phase, places = phase - shift, places - shift
    return phase


def places_of(envelope: Array, phase: Array) -> Array:
    """Where its onsets lie between eighths: -0.5..0.5, 0 being on one."""
    at = np.flatnonzero(_peaks(envelope, 0.15)[1:-1]) + 1
    a, b, c = envelope[at - 1], envelope[at], envelope[at + 1]
    where = np.interp(at + 0.5 * (a - c) / (a - 2 * b + c - 1e-9), np.arange(len(phase)), phase)
    return np.asarray((where + 0.5) % 1 - 0.5)


def swing(envelopes: Sequence[Array], phase: Array) -> float | None:
    """How late the odd sixteenths come, in sixteenths (0 straight, 1/3 triplets), of these instruments.

    None where too few are played, where they disagree, or where triplets of eighths are played instead.
    """
    places = np.concatenate([places_of(envelope, phase) for envelope in envelopes]) % 1
    odd = places[(places > 0.42) & (places < 0.80)]
    early = ((places > 0.25) & (places < 0.40)).sum()
    if len(odd) < _ODD or early > len(odd) / 4:
        return None
    middle = float(np.median(odd))
    if np.percentile(np.abs(odd - middle), 75) > _TIGHT:
        return None
    return round(2 * middle - 1, 2)


def _first_of_bar(onset: Onsets, tones: Tones, phase: Array) -> int:
    """Which of eight eighths begins the bar: kick and bass, a new chord, snares in their places after it.

    Snares are looked for on beats two and four, on three alone (half time), and as in drill; a track
    begins on a downbeat more often than not.
    """
    low, mid = _by_eighth(onset.low, phase), _by_eighth(onset.mid, phase)
    snares = [(np.roll(mid, -2) + np.roll(mid, -6)) / 2, np.roll(mid, -4), 0.35 * (np.roll(mid, -3) + np.roll(mid, -7))]
    begins = int(np.argmax(onset.all > 0.3 * np.percentile(onset.all, 98)))
    start = np.arange(_EIGHTHS) == round(float(phase[begins])) % _EIGHTHS
    return int(np.argmax(low + np.max(snares, 0) + _by_eighth(_changes(tones, len(phase)), phase) + 0.3 * start))


def _by_eighth(envelope: Array, phase: Array) -> Array:
    """Mean of an envelope around each of eight eighths, scaled to at most 1: [8]."""
    near = np.round(phase)
    weight = np.maximum(1 - 4 * np.abs(phase - near), 0)
    slots = near.astype(int) % _EIGHTHS
    found = np.bincount(slots, weight * envelope, _EIGHTHS) / np.maximum(np.bincount(slots, weight, _EIGHTHS), 1e-9)
    return found / max(found.max(), 1e-9)


def _changes(tones: Tones, frames: int) -> Array:
    """How much the harmony changes at each frame [F]: 0 for none, 1 for a wholly other chord."""
    notes = tones.chroma / (np.linalg.norm(tones.chroma, axis=0) + 1e-6)
    bass = tones.bass / (np.linalg.norm(tones.bass, axis=0) + 1e-6)
    both = np.concatenate([notes, bass])
    width = CHROMA_RATE // 2
    sums = np.cumsum(np.pad(both, ((0, 0), (width + 1, width - 1))), 1)
    before = sums[:, width:-width] - sums[:, : -2 * width]
    after = sums[:, 2 * width :] - sums[:, width:-width]
    alike = (before * after).sum(0) / (np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=0) + 1e-6)
    t = np.arange(frames) / FRAME_RATE
    return np.asarray(np.interp(t, np.arange(alike.size) / CHROMA_RATE, 1 - alike))
