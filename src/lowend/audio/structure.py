"""Sections of dance music: where the low end goes and comes back, and what builds up to its return.

The track is cut into beats where the beat is steady, else into half seconds. A run of cells with the
low end near its loudest is full; what lies between is thin. A drop is a full run that something led
up to: a build-up, or a long thin passage and then a jump in energy. Bass that merely enters after a
bar of intro is a verse, and a track that is full throughout has no sections at all.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening

from lowend.audio.bands import FRAME_RATE, LOW, Bands
from lowend.audio.beats import Grid, Onsets
from lowend.tracks import Section

Array = NDArray[np.float64]

_CELL_S = 0.5  # where no beat is steady
_BAR = 4  # cells
_LOOKAHEAD_FRAMES = 3  # before an onset, in which the window of the spectrum hears it already
_FULL_DB = 8.0  # a cell is full whose low end is at most this far under the track's loud cells
_CONTRAST_DB = 10.0  # between the low end of full and of thin passages, for the track to have sections
_MIN_FULL_S = 4.0
_LONG_BARS = 4  # a thin passage of this length can be dropped from without a build-up
_JUMP_DB = 6.0
_NO_BASS_DB, _SILENT_DB = 25.0, -60.0
_RISE_DB = 6.0  # of the highs through a build-up; half of it is enough where ...
_ROLL = 1.5  # ... onsets grow by this factor
_ROLL_WEIGHT = 4.0  # of the growth of onsets, in steps of _RISE_DB of the highs
_HIGHS = slice(6, 9)  # 2-12 kHz


def sections(bands: Bands, onset: Onsets, grid: Grid) -> list[Section]:
    """intro, buildup, drop, verse, breakdown and outro in order, without gaps; empty where nothing changes."""
    edges = _cells(grid, bands.seconds)
    if len(edges) < 4 * _BAR:
        return []
    low, energy, highs = (
        10 * np.log10(_mean(bands.power[part].sum(0), edges) + 1e-9) for part in (LOW, slice(None), _HIGHS)
    )
    rise, cell_s = _mean(onset.all, edges), float(np.median(np.diff(edges)))
    full = _full(low, energy, cell_s)
    borders = [0, *(np.flatnonzero(np.diff(full)) + 1).tolist(), len(full)]
    if len(borders) < 3:
        return []
    made: list[tuple[str, int]] = []  # full, thin or buildup, and its first cell
    for start, end in pairwise(borders):
        run = slice(start, end)
        builds = None if full[start] or end == len(full) else _buildup(highs[run], rise[run])
        made += [("full" if full[start] else "thin", start)] if builds != 0 else []
        made += [("buildup", start + builds)] if builds is not None else []
    named = _names(made, energy)
    starts = [0.0, *(_snap(float(edges[cell]), grid, cell_s) for _, cell in made[1:]), bands.seconds]
    return [
        {"name": name, "start": round(a, 3), "end": round(b, 3)}
        for name, (a, b) in zip(named, pairwise(starts), strict=True)
    ]


def _names(made: list[tuple[str, int]], energy: Array) -> list[str]:
    """What the passages are called, by what they follow."""
    named: list[str] = []
    long = _LONG_BARS * _BAR
    for i, (kind, start) in enumerate(made):
        been_full = any(name in ("drop", "verse") for name in named)
        if kind == "full":
            before, since = made[i - 1] if i else ("", start)
            jump = _level(energy[start : start + long]) - _level(energy[max(since, start - long) : start])
            waited = start - since >= long and (been_full or jump >= _JUMP_DB)
            named.append("drop" if before == "buildup" or waited else "verse")
        elif kind == "buildup":
            named.append(kind)
        else:
            named.append("outro" if i == len(made) - 1 else "breakdown" if been_full else "intro")
    return named


def _level(db: Array) -> float:
    """Mean power of cells in dB."""
    return float(10 * np.log10(np.mean(10 ** (db / 10)))) if len(db) else -90.0


def _cells(grid: Grid, seconds: float) -> Array:
    """Borders of cells in seconds, from 0 to the end of the track."""
    inner = grid.beats if len(grid.beats) else np.arange(0, seconds, _CELL_S)
    inner = inner[(inner > _CELL_S / 2) & (inner < seconds - _CELL_S / 2)]
    return np.concatenate(([0.0], inner, [seconds]))


def _mean(envelope: NDArray, edges: Array) -> Array:
    """Mean of an envelope [F] in each cell, up to where the window begins to hear the next one."""
    sums = np.concatenate(([0.0], np.cumsum(envelope, dtype=np.float64)))
    at = np.minimum(np.round(edges * FRAME_RATE).astype(int), len(envelope))
    ends = np.maximum(at[1:] - _LOOKAHEAD_FRAMES, at[:-1] + 1)
    return (sums[ends] - sums[at[:-1]]) / (ends - at[:-1])


def _full(low: Array, energy: Array, cell_s: float) -> NDArray[np.bool_]:
    """Cells [N] of full passages: gaps under two bars are bridged, passages under 4 s are not full."""
    none = np.zeros(len(low), bool)
    loud = np.percentile(low, 90)
    if loud < max(np.percentile(energy, 90) - _NO_BASS_DB, _SILENT_DB):
        return none
    near = np.pad(low > loud - _FULL_DB, 2 * _BAR)
    near[-2 * _BAR :] = near[-4 * _BAR : -2 * _BAR].any()  # nor does a gap at the very end count
    bridged = binary_closing(near, np.ones(2 * _BAR))[2 * _BAR : -2 * _BAR]
    full = np.asarray(binary_opening(bridged, np.ones(max(round(_MIN_FULL_S / cell_s), 1))))
    if full.any():
        first = int(np.argmax(full))
        full[:first] = first < _BAR - 1
    if full.all() or not full.any() or _level(low[full]) - _level(low[~full]) < _CONTRAST_DB:
        return none
    return full


def _buildup(highs: Array, rise: Array) -> int | None:
    """Cell of a thin passage from which it builds up to its end, or None: brighter, or denser in onsets.

    Counted in whole bars from the end, where the drop's downbeat is. Hats that enter and go on as they
    are do not build up: it must still grow from its first bar to its last.
    """
    bars = len(highs) // _BAR
    if bars < 2:
        return None
    first = len(highs) - bars * _BAR
    db, onsets = (curve[first:].reshape(bars, _BAR).mean(1) for curve in (highs, rise))
    curves = (np.maximum(db, db.max() - 40) / _RISE_DB, onsets / max(float(onsets.max()), 1e-9) * _ROLL_WEIGHT)
    errors = [sum(_misfit(curve, split) for curve in curves) for split in range(bars - 1)]
    split = int(np.argmin(errors))
    base = slice(0, max(split, 1))
    grown_db, grown_by = db[-1] - db[base].mean(), onsets[-1] / max(float(onsets[base].mean()), 1e-9)
    growing_db, growing_by = db[-1] - db[split], onsets[-1] / max(float(onsets[split]), 1e-9)
    grown = grown_db >= _RISE_DB or (grown_db >= _RISE_DB / 2 and grown_by >= _ROLL)
    if not (grown and (growing_db >= _RISE_DB / 2 or growing_by >= _ROLL)):
        return None
    return first + split * _BAR if split else 0


def _misfit(curve: Array, split: int) -> float:
    """Squared error of a level up to `split` and a line from there on."""
    head, tail = curve[:split], curve[split:]
    x = np.arange(len(tail)) - (len(tail) - 1) / 2
    slope = (x @ tail) / max(float(x @ x), 1e-9)
    left = ((head - head.mean()) ** 2).sum() if split else 0.0
    return float(left + ((tail - tail.mean() - slope * x) ** 2).sum())


def _snap(at: float, grid: Grid, cell_s: float) -> float:
    """The nearest downbeat if it is at most a beat away."""
    if not len(grid.downbeats):
        return at
    nearest = float(grid.downbeats[np.argmin(np.abs(grid.downbeats - at))])
    return nearest if abs(nearest - at) <= 1.1 * cell_s else at
