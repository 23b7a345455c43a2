"""What is heard in a track: the backend's tempo and key, and all that its band envelopes tell beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lowend.audio import analysis, bands, beats, chords, structure, wobble
from lowend.audio.analysis import Analysis
from lowend.audio.bands import FRAME_RATE, Bands, Tones
from lowend.audio.beats import Grid, Onsets
from lowend.audio.io import Wave
from lowend.note_values import note
from lowend.tracks import Section

_PRESENT_DB = -30.0  # a stem this far below the mix is a leak of the separator
_BUSY = (3.2, 3.7)  # onsets in a second: fewer are low energy, as many or more are high
_UNSURE_KEY, _UNSURE_BEAT = 0.15, 0.3
_HALF_S = 8.0  # shorter halves are not compared
_APART = 0.03  # relative difference of tempi
_SAME = 0.6  # share of its best likeness that a half keeps at the track's tempo
_NO_GRID = Grid(None, np.zeros(0), np.zeros(0), 0.0)


@dataclass(frozen=True, slots=True)
class Description:
    """A track as it is heard; json and back leaves it as it is.

    bpm is folded into the genre's range and None without a beat; beats, downbeats and sections are in
    seconds; confidences, sub_bass_share (power of 20-60 Hz) are 0..1; brightness_hz is the centroid of the
    spectrum; swing the delay of odd sixteenths in sixteenths, wobble_hz the rate of the bass's brightness and
    wobble_note that rate in note values: None and empty where there is none. flags are doubts in words.
    """

    backend: str
    bpm: float | None
    bpm_confidence: float
    key: str
    key_confidence: float
    beats: list[float]
    downbeats: list[float]
    sections: list[Section]
    energy_level: str
    sub_bass_share: float
    brightness_hz: float
    swing: float | None
    wobble_hz: float | None
    wobble_note: str
    chords: list[str]
    instruments: list[str]
    flags: list[str]


def describe(views: Mapping[str, Wave], rate: int, backend: str, bpm_range: tuple[float, float]) -> Description:
    """Describe a track from its view `mix` [C, S] and, where they exist, its stems (`drums`, `bass`, ...).

    Raises:
        UserError: the backend is unknown or not installed.
    """
    return interpret(analysis.backend(backend)(views["mix"], rate), views, rate, backend, bpm_range)


def interpret(
    heard: Analysis, views: Mapping[str, Wave], rate: int, backend: str, bpm_range: tuple[float, float]
) -> Description:
    """`describe` of a track whose tempo and key the backend has `heard` already."""
    mix = views["mix"]
    envelopes = {name: bands.bands(views[name], rate) for name in ("mix", "drums", "bass") if name in views}
    present = _present(views)
    drums = envelopes["drums" if "drums" in present else "mix"]
    onset = beats.onsets(drums)
    melody = bands.mono(mix) - bands.mono(views["drums"]) if "drums" in present else mix
    tones = bands.tones(melody, views["bass"] if "bass" in present else melody, rate)
    grid = beats.grid(onset, tones, *beats.tempo(onset, heard.bpm, bpm_range))
    key, key_confidence = chords.key(tones, grid, heard.key)
    whole = envelopes["mix"]
    # In a mix, every decaying note looks like part of a wobble: without a bass stem there is no telling.
    bass = envelopes["bass"] if "bass" in present else None
    wobble_hz = wobble.rate_hz(bass, grid) if bass else None
    return Description(
        backend=backend,
        bpm=grid.bpm and round(grid.bpm, 2),
        bpm_confidence=round(grid.steadiness, 3),
        key=key,
        key_confidence=key_confidence,
        beats=np.round(grid.beats, 3).tolist(),
        downbeats=np.round(grid.downbeats, 3).tolist(),
        sections=structure.sections(whole, onset, grid),
        energy_level=_energy(beats.onsets(whole)),
        sub_bass_share=round(bands.sub_share(mix, rate), 4),
        brightness_hz=round(whole.centroid_hz, 1),
        swing=_swing(onset, None if wobble_hz else bass, grid),
        wobble_hz=wobble_hz,
        wobble_note=note(wobble_hz, grid.bpm),
        chords=chords.chords(tones, grid),
        instruments=_instruments(present, wobble_hz),
        flags=_flags(grid, onset, tones, heard, (key, key_confidence)),
    )


def _present(views: Mapping[str, Wave]) -> list[str]:
    """Stems that are more than a leak."""
    power = {name: float(np.vdot(wav, wav)) for name, wav in views.items()}
    least = max(power["mix"] * 10 ** (_PRESENT_DB / 10), 1e-9)
    return [name for name in views if name != "mix" and power[name] > least]


def _swing(onset: Onsets, bass: Bands | None, grid: Grid) -> float | None:
    """Swing of the drums and of a bass that plays notes; the turns of a wobble are none."""
    if grid.bpm is None or not len(grid.downbeats):
        return None
    players = [onset.all] if bass is None else [onset.all, beats.onsets(bass).all]
    return beats.swing(players, beats.eighths(onset, grid.bpm))


def _energy(onset: Onsets) -> str:
    a_second = beats.count(onset.all) / max(len(onset.all) / FRAME_RATE, 1.0)
    return "low" if a_second < _BUSY[0] else "medium" if a_second < _BUSY[1] else "high"


def _instruments(present: list[str], wobble_hz: float | None) -> list[str]:
    return ["wobble bass" if name == "bass" and wobble_hz else name for name in present]


def _flags(grid: Grid, onset: Onsets, tones: Tones, heard: Analysis, key: tuple[str, float]) -> list[str]:
    """Doubts about the tempo and the key: where the halves of the track, or the two ways to hear it, differ."""
    flags = []
    if grid.bpm is None or grid.steadiness < _UNSURE_BEAT:
        flags.append("no steady beat")
    elif heard.bpm and analysis.tempo_error(heard.bpm, grid.bpm) > _APART:
        flags.append(f"the backend hears {heard.bpm:.0f} BPM")
    frames = len(onset.all)
    if frames < 2 * _HALF_S * FRAME_RATE:
        return flags
    halves = (slice(0, frames // 2), slice(frames // 2, None))
    tempi = [_tempo_apart(beats.cut(onset, half), grid.bpm) for half in halves] if grid.bpm else []
    first, second = (own or grid.bpm for own in tempi) if tempi else (None, None)
    if first and second and analysis.tempo_error(first, second) > _APART:
        flags.append(f"tempo of the halves differs ({first:.0f} and {second:.0f})")
    middle = tones.chroma.shape[1] // 2
    parts = [chords.key(bands.cut(tones, half), _NO_GRID, "") for half in (slice(0, middle), slice(middle, None))]
    steps = analysis.key_distance(parts[0][0], parts[1][0])
    if steps and steps > 1 and min(sure for _, sure in parts) >= _UNSURE_KEY:
        flags.append(f"key of the halves differs ({parts[0][0]} and {parts[1][0]})")
    elif key[1] < _UNSURE_KEY:
        flags.append("key unsure")
    return flags


def _tempo_apart(onset: Onsets, bpm: float) -> float | None:
    """The tempo of a half of the track if it is another than `bpm`, up to octaves; None if it fits."""
    own, _ = beats.tempo(onset, None, (bpm / 2**0.5, bpm * 2**0.5))
    if own is None or analysis.tempo_error(own, bpm) <= _APART:
        return None
    correlation = beats.autocorrelation(onset.all)
    kept, best = beats.likeness(correlation, np.array([bpm, own]))
    return own if kept < _SAME * best else None
