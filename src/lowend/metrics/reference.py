"""What clips are held against: the held-out tracks, and the tracks that were trained on.

Decoding and hearing them takes longer than hearing the clips, and several evaluations of a genre need
the same: it is kept in scratch, under a hash of all that it was made from.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lowend import cache, captions
from lowend.audio import loudness, windows
from lowend.audio.io import Wave
from lowend.metrics import clap, embedders, kld, level, memorisation, parts, sound
from lowend.metrics.embedders import Embedder, Embeddings
from lowend.metrics.kld import Tags
from lowend.metrics.level import levelled
from lowend.metrics.memorisation import Fingerprints, Nearest
from lowend.metrics.sound import Sound
from lowend.models import audioset, devices, latents, musicgen, musicnn, pann, tagger, vggish
from lowend.models import codec as codecs
from lowend.models.codec import CompressionModel
from lowend.models.wobbles import WobbleEar
from lowend.tracks import read_tracks
from lowend.training import data
from lowend.training.data import Tokens
from lowend.workers import thread_map

REAL_S = 20.0
"""Seconds from the middle of each held-out track that clips are held against."""
TRAIN_S = 8.0
"""Seconds from the middle of each training track that embeddings are compared with; codes are, whole."""

Arrays = dict[str, NDArray]


@dataclass(frozen=True, slots=True)
class Folders:
    """What an evaluation reads besides the clips."""

    model: Path
    base: Path
    codec: Path
    tokens: Path
    splits: Path
    kit: Path


@dataclass(frozen=True, slots=True)
class Ears:
    """What hears clips and tracks, made ready once; no `tags` where no divergence is asked for.

    `wobbles` hears clips alone.
    """

    embedder: Embedder
    starter: tagger.Tagger
    tags: Callable[[Wave, int], Tags] | None
    wobbles: WobbleEar | None = None


@dataclass(frozen=True, slots=True)
class Real:
    """The held-out tracks of a genre, in one order everywhere."""

    tracks: list[Embeddings]  # [n, D] each
    sub_genres: list[str]
    probabilities: list[dict[str, float]]  # of each sub-genre, by the starter's tagger
    low_shares: list[float]
    sounds: list[Sound]
    tags: list[Tags]  # none where no divergence is asked for


@dataclass(frozen=True, slots=True)
class Trained:
    """The training tracks, and how near pieces of the held-out ones come to them."""

    prints: Fingerprints
    embedded: list[Embeddings]
    pieces: list[Nearest]


def held_out(tokens: Path, splits: Path) -> list[Tokens]:
    """The mix of every held-out track."""
    template = captions.load_template()
    sides = (splits / f"{side}.csv" for side in ("valid", "test"))
    return [row for table in sides for row in data.load(tokens, table, "mix", template, min_frames=1)]


def middle(row: Tokens, seconds: float) -> NDArray[np.int16]:
    """A copy of the codes [K, T] from the middle of a track."""
    frames = round(seconds * musicgen.FRAME_RATE)
    start = max(0, (row.codes.shape[1] - frames) // 2)
    return row.codes[:, start : start + frames].copy()


def decoded(decoder: CompressionModel, rows: Sequence[Tokens], seconds: float) -> list[tuple[Wave, int]]:
    """What the codec makes of the middle of each track: (wav [C, S], Hz).

    A language model cannot sound better than its codec decodes, so clips are held against real music
    that went through the same codec: what the codec loses is then not counted against the model.
    """
    parts = (torch.from_numpy(middle(row, seconds)[None]) for row in rows)
    return [(codecs.decode(decoder, part)[0], int(decoder.sample_rate)) for part in parts]


def kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of a file, or those that `make` makes, which are then written there; a broken file is made again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        arrays = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    partial.replace(path)
    return arrays


def digest(folders: Folders, *settings: object) -> Path:
    """Where scratch keeps what follows from these folders, these settings and this code."""
    read = (cache.files(folder) for folder in (folders.codec, folders.tokens, folders.splits, folders.kit))
    heard = (audioset, clap, embedders, latents, level, loudness, musicnn, pann, tagger, vggish, windows)
    code = cache.code(kld, memorisation, sound, *heard)
    return cache.scratch("reference", *read, code, *settings).with_suffix(".npz")


def join(name: str, parts: Sequence[NDArray]) -> Arrays:
    """Arrays of different lengths as one, and their lengths."""
    return {name: np.concatenate(parts), f"{name}_lengths": np.array([len(part) for part in parts])}


def split(name: str, arrays: Arrays) -> list[NDArray]:
    """What `join` joined."""
    return np.split(arrays[name], np.cumsum(arrays[f"{name}_lengths"])[:-1])


def real(folders: Folders, ears: Ears, name: str) -> Real:
    """Hear the held-out tracks, or remember them; `name` tells the ears apart."""
    rows = held_out(folders.tokens, folders.splits)
    tables = [read_tracks(folders.splits / f"{side}.csv") for side in ("valid", "test")]
    sub_genres = {track.id: track.sub_genre for table in tables for track in table}
    arrays = kept(digest(folders, "real", REAL_S, name), lambda: _hear_real(folders, ears, rows))
    figures = [[None if np.isnan(v) else float(v) for v in line] for line in arrays["sounds"]]
    classes = ears.starter.classes
    return Real(
        tracks=split("windows", arrays),
        sub_genres=[sub_genres[row.track_id] for row in rows],
        probabilities=[dict(zip(classes, line.tolist(), strict=True)) for line in arrays["probabilities"]],
        low_shares=arrays["low_shares"].tolist(),
        sounds=[Sound(*line) for line in figures],
        tags=list(arrays["tags"]) if ears.tags else [],
    )


def _hear_real(folders: Folders, ears: Ears, rows: Sequence[Tokens]) -> Arrays:
    sounds = decoded(codecs.load(folders.codec, devices.best()), rows, REAL_S)
    figures = [list(asdict(sound.measure(*one)).values()) for one in sounds]
    heard, tags = [levelled(*one) for one in sounds], ears.tags
    return {
        **join("windows", thread_map(lambda one: ears.embedder.embed(*one), heard)),
        "probabilities": np.array([list(tagger.probabilities(ears.starter, *one).values()) for one in heard]),
        "low_shares": np.array([sound.shares(*one, (20, 200))[0] for one in sounds]),
        "sounds": np.array(figures, np.float64),
        "tags": np.array(thread_map(lambda one: tags(*one), heard) if tags else []),
    }


def real_parts(
    folders: Folders, ears: Ears, name: str, wanted: Sequence[str], separator: Path
) -> dict[str, list[Embeddings]]:
    """The wanted parts of the held-out tracks, heard or remembered: [n, D] of each track, in the order of `real`."""

    def hear() -> Arrays:
        codec = codecs.load(folders.codec, devices.best())
        sounds = decoded(codec, held_out(folders.tokens, folders.splits), REAL_S)
        found = parts.embed((levelled(*one) for one in sounds), wanted, ears.embedder.embed, separator)
        return {key: array for part, windows in found.items() for key, array in join(part, windows).items()}

    if not wanted:
        return {}
    path = digest(folders, "parts", REAL_S, *wanted, *parts.sources(wanted, separator), name)
    arrays = kept(path, hear)
    return {part: split(part, arrays) for part in wanted}


def trained(folders: Folders, ears: Ears, name: str, clip_s: float) -> Trained:
    """The training tracks, and pieces of the held-out ones that are as long as a clip, heard or remembered."""
    rows = data.load(folders.tokens, folders.splits / "train.csv", "mix", captions.load_template(), min_frames=1)
    path = digest(folders, "trained", REAL_S, TRAIN_S, clip_s, name)
    arrays = kept(path, lambda: _hear_trained(folders, ears, rows, clip_s))
    prints = Fingerprints([(row.track_id, row.codes[0]) for row in rows])
    embedded = split("windows", arrays)
    codes, windows = split("codes", arrays), split("pieces", arrays)
    near = [memorisation.nearest(*piece, prints, embedded) for piece in zip(codes, windows, strict=True)]
    return Trained(prints, embedded, near)


def _hear_trained(folders: Folders, ears: Ears, rows: Sequence[Tokens], clip_s: float) -> Arrays:
    codec = codecs.load(folders.codec, devices.best())
    frames = round(clip_s * musicgen.FRAME_RATE)
    codes, windows = [], []
    for wav, rate in decoded(codec, held_out(folders.tokens, folders.splits), REAL_S):
        # Encoded again, as clips are: a second pass through the codec changes a third of the codes and more.
        again = codecs.encode(codec, wav)[0]
        samples = round(clip_s * rate)
        for n, piece in enumerate(memorisation.pieces(again, frames)):
            codes.append(piece)
            windows.append(ears.embedder.embed(*levelled(wav[:, n * samples : (n + 1) * samples], rate)))
    heard = thread_map(lambda one: ears.embedder.embed(*levelled(*one)), decoded(codec, rows, TRAIN_S))
    return {**join("windows", heard), **join("codes", codes), **join("pieces", windows)}
