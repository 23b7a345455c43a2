"""Tempo and key of a track: Essentia, or librosa where Essentia has no build, behind one function."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lowend.audio.io import Wave, resample
from lowend.errors import UserError

BACKENDS = ("essentia", "librosa")
_LIBROSA_HZ = 22_050
NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_SPELLINGS = {"Db": "C#", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb", "Cb": "B", "Fb": "E"}

# Krumhansl & Kessler (1982): how well each scale degree fits a major and a minor key.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Tempo in BPM (None where no beat was found), key as `F# minor`, and how sure the key is, 0..1."""

    bpm: float | None
    key: str
    key_confidence: float


def backend(name: str) -> Callable[[Wave, int], Analysis]:
    """The analysis function of a backend.

    Raises:
        UserError: the name is unknown, or the backend is not installed.
    """
    if name not in BACKENDS:
        raise UserError(f"params.yaml: analysis must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "essentia" and importlib.util.find_spec("essentia") is None:
        raise UserError(
            "Essentia is not installed (it has no build for this machine): "
            "run `make recipe NAME=spark`, which sets the analysis to librosa"
        )
    return {"essentia": _essentia, "librosa": _librosa}[name]


def _essentia(wav: Wave, rate: int) -> Analysis:
    import essentia

    essentia.log.infoActive = essentia.log.warningActive = False
    import essentia.standard as es

    mono = resample(wav.mean(0, keepdims=True), rate, 44100)[0]
    # "multifeature" hears the same tempi on what we tried, and takes three times as long.
    bpm, _, _, _, _ = es.RhythmExtractor2013(method="degara")(mono)
    note, scale, strength = es.KeyExtractor(profileType="edma")(mono)
    return Analysis(float(bpm) or None, key_name(f"{note} {scale}"), min(float(strength), 1.0))


def _librosa(wav: Wave, rate: int) -> Analysis:
    import librosa

    mono = resample(wav.mean(0, keepdims=True), rate, _LIBROSA_HZ)[0]
    onsets = librosa.onset.onset_strength(y=mono, sr=_LIBROSA_HZ)  # type: ignore[attr-defined]
    bpm = float(np.atleast_1d(librosa.feature.tempo(onset_envelope=onsets, sr=_LIBROSA_HZ))[0])
    # Neither its beat tracker nor its estimate of the tuning: their numba ufuncs crashed now and then.
    chroma = librosa.feature.chroma_cqt(y=mono, sr=_LIBROSA_HZ, tuning=0.0).mean(1)
    scores = {
        f"{note} {mode}": float(np.corrcoef(np.roll(profile, i), chroma)[0, 1])
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for i, note in enumerate(NOTES)
    }
    best = max(scores, key=lambda k: scores[k])
    return Analysis(bpm or None, best, max(scores[best], 0.0))


def key_name(text: str) -> str:
    """One spelling of a key: `F#m`, `Gb minor` and `f# min` become `F# minor`; other text is returned as it is."""
    words = text.strip().replace("♯", "#").replace("♭", "b").split()
    if not words:
        return ""
    tonic, mode = words[0], " ".join(words[1:]).lower()
    if not mode and tonic[1:].lstrip("#b") in ("m", "min", "maj"):
        split = 2 if tonic[1:2] in ("#", "b") else 1
        tonic, mode = tonic[:split], tonic[split:]
    if not mode and tonic.endswith("m") and len(tonic) in (2, 3):
        tonic, mode = tonic[:-1], "m"
    tonic = tonic[:1].upper() + tonic[1:]
    tonic = _SPELLINGS.get(tonic, tonic)
    if tonic not in NOTES or mode not in ("", "maj", "major", "m", "min", "minor"):
        return text.strip()
    return f"{tonic} {'minor' if mode in ('m', 'min', 'minor') else 'major'}"


def tempo_error(bpm: float, truth: float) -> float:
    """Relative error of a tempo up to octaves: 0.0 for half, equal and double; at most about 0.41."""
    octaves = np.log2(bpm / truth)
    return float(2 ** abs(octaves - round(octaves)) - 1)


def key_distance(a: str, b: str) -> int | None:
    """Steps on the circle of fifths between two keys, relative keys being equal; None if either is no key."""
    places = []
    for key in (a, b):
        words = key.split()
        if len(words) != 2 or words[0] not in NOTES:
            return None
        tonic = NOTES.index(words[0]) + (3 if words[1] == "minor" else 0)
        places.append(tonic * 7 % 12)
    steps = abs(places[0] - places[1])
    return min(steps, 12 - steps)
