"""Token sets and the sampler: which sequences a step trains on is a function of names and the step."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lowend import captions, shards
from lowend.errors import UserError
from lowend.models.musicgen import FRAME_RATE
from lowend.models.tokens import read_codes
from lowend.seeds import rng
from lowend.tracks import Track, read_tracks

Codes = NDArray[np.int16]

SECTIONS = {"drops": "drop", "buildups": "buildup", "breakdowns": "breakdown"}
"""Views that are passages of the mix: their codes are cut from its own by the table's `structure`, so
that a boundary which a user corrects costs no encoding."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The codes int16 [K, T] of one view of one track, and what is said of it, in one or more ways."""

    track_id: str
    codes: Codes
    texts: tuple[str, ...]


def load(tokens: Path, table: Path, view: str, template: captions.Template, min_frames: int) -> list[Tokens]:
    """Sequences of `view` of the tracks in a split's table, ordered by track and name.

    Only the ids of the table are read, so that what a removed source left behind is never trained on.

    Raises:
        UserError: no track of the table has the view at `min_frames` frames or more.
    """
    tracks = {t.id: t for t in read_tracks(table)}
    member = f"{'mix' if view in SECTIONS else view}.npy"
    found: dict[str, list[Tokens]] = {}
    for folder in sorted(p for p in tokens.iterdir() if p.is_dir()):
        for track_id, files in shards.read_tracks(folder):
            if track_id not in tracks or member not in files:
                continue
            track = tracks[track_id]
            texts = tuple(captions.for_view(text, view, template) for text in track.texts)
            passages = _passages(read_codes(files[member]), track, view)
            found[track_id] = [Tokens(track_id, codes, texts) for codes in passages if codes.shape[1] >= min_frames]
    rows = [row for track_id in sorted(found) for row in found[track_id]]
    if not rows:
        remedy = (
            f"name {SECTIONS[view]!r} sections in metadata.csv"
            if view in SECTIONS
            else f"add {view!r} to encode.views in params.yaml"
        )
        raise UserError(
            f"{table}: no track has the view {view!r} with at least {min_frames} frames; add tracks, or {remedy}"
        )
    return rows


def _passages(codes: Codes, track: Track, view: str) -> list[Codes]:
    """The whole of the codes, or the sections of the mix that the view names."""
    if view not in SECTIONS:
        return [codes]
    spans = [(float(s["start"]), float(s["end"])) for s in track.sections if s["name"] == SECTIONS[view]]
    return [codes[:, round(start * FRAME_RATE) : round(end * FRAME_RATE)] for start, end in spans]


def load_held_out(
    tokens: Path, table: Path, view: str, template: captions.Template, min_frames: int
) -> tuple[list[Tokens], str]:
    """Sequences of a held-out side, and the view that they are of: `mix` where no track holds `view`.

    A few held-out tracks may well hold no drop; the mix then says what the stage did to the genre.
    """
    try:
        return load(tokens, table, view, template, min_frames), view
    except UserError as missing:
        logging.warning("%s; measuring on the mix instead", missing)
        return load(tokens, table, "mix", template, min_frames), "mix"


def check_licences(tracks: Sequence[Track], top_tier: int) -> None:
    """The gate again, right before training.

    Raises:
        UserError: a track's tier is above `top_tier`.
    """
    refused = [t for t in tracks if t.tier > top_tier]
    if refused:
        raise UserError(
            f"{len(refused)} train tracks have a licence that the gate refuses, first {refused[0].file_path} "
            f"({refused[0].licence or 'unknown'}): run `dvc repro`, which splits again"
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """codes int16 [B, K, T], texts (None where the whole condition is dropped) and track ids."""

    codes: Codes
    texts: list[str | None]
    track_ids: list[str]


@lru_cache(maxsize=4)
def _order(name: str, kind: str, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of an epoch's visits, drawn once an epoch rather than once a sequence."""
    return rng(name, kind, epoch).permutation(count)


@dataclass(frozen=True, slots=True)
class Sampler:
    """Batches as a pure function of the step, so that resuming needs no sampler state.

    Each epoch visits every sequence once, in an order drawn from (seed, key, epoch), at a random
    crop. Of every 1/replay_share sequences exactly one is replayed.
    """

    own: Sequence[Tokens]
    replay: Sequence[Tokens]
    replay_share: float
    batch_size: int
    frames: int
    cfg_dropout: float
    word_dropout: float
    name: str  # seed and key

    def at(self, index: int) -> Batch:
        """Batch number `index`."""
        first = index * self.batch_size
        draw = rng(self.name, "batch", index)
        rows = [self._row(n) for n in range(first, first + self.batch_size)]
        starts = [int(draw.integers(row.codes.shape[1] - self.frames + 1)) for row in rows]
        codes = np.stack([row.codes[:, s : s + self.frames] for row, s in zip(rows, starts, strict=True)])
        dropped = draw.random() < self.cfg_dropout
        told = [row.texts[int(draw.integers(len(row.texts)))] for row in rows]
        texts = [None if dropped else self._drop_words(text, draw) for text in told]
        return Batch(codes, texts, [row.track_id for row in rows])

    def _row(self, n: int) -> Tokens:
        replayed = int((n + 1) * self.replay_share + 1e-9)
        if replayed > int(n * self.replay_share + 1e-9):
            return self._visit(self.replay, replayed - 1, "replay")
        return self._visit(self.own, n - replayed, "own")

    def _visit(self, rows: Sequence[Tokens], n: int, kind: str) -> Tokens:
        epoch, place = divmod(n, len(rows))
        return rows[int(_order(self.name, kind, epoch, len(rows))[place])]

    def _drop_words(self, text: str, draw: np.random.Generator) -> str | None:
        kept = [word for word in text.split(" ") if draw.random() >= self.word_dropout]
        return " ".join(kept) or None


def shuffled(rows: Sequence[Tokens], name: str) -> list[Tokens]:
    """The rows, each track with the texts of another track, drawn by `name`: no track keeps its own.

    What a model still learns from such captions, it learned without listening to them.

    Raises:
        UserError: there is one track only.
    """
    texts = {row.track_id: row.texts for row in rows}
    tracks = sorted(texts)
    if len(tracks) < 2:
        raise UserError("captions of one track cannot be shuffled: add tracks, or set `captions: own` in params.yaml")
    circle = [tracks[place] for place in rng(name, "captions").permutation(len(tracks))]
    other = dict(zip(circle, circle[1:] + circle[:1], strict=True))
    return [Tokens(row.track_id, row.codes, texts[other[row.track_id]]) for row in rows]


def windows(rows: Sequence[Tokens], frames: int) -> list[Tokens]:
    """Non-overlapping windows of every sequence, in order: what validation and test are measured on."""
    return [
        Tokens(row.track_id, row.codes[:, s : s + frames], row.texts)
        for row in rows
        for s in range(0, row.codes.shape[1] - frames + 1, frames)
    ]
