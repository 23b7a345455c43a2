"""Token sets and the sampler: which sequences a step trains on is a function of names and the step.

Codes are views into memory-mapped shards, so that a set costs memory only where it is read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lowend import captions, takes
from lowend.audio.bandenergy import from_levels
from lowend.errors import UserError
from lowend.models.musicgen import FRAME_RATE
from lowend.seeds import rng
from lowend.tracks import Track, read_tracks
from lowend.training import store
from lowend.training.loss import BandWeights, medians
from lowend.training.schedule import augmented_share
from lowend.training.store import Arrays, Variant

Codes = NDArray[np.int16]
Levels = NDArray[np.float16]

SECTIONS = {"drops": "drop", "buildups": "buildup", "breakdowns": "breakdown"}
"""Views that are passages of the mix: their codes are cut from its own by the table's `structure`, so
that a boundary which a user corrects costs no encoding."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The codes int16 [K, T] of one view of one track, and what is said of it, in one or more ways.

    levels: float16 [3, T], the bands' levels where they were encoded. variants: the same passage as
    `encode` augmented it, with the texts that are true of it then. bars: int64 [N], frames in which bars begin.
    """

    track_id: str
    codes: Codes
    texts: tuple[str, ...]
    levels: Levels | None = None
    variants: tuple[Tokens, ...] = ()
    bars: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def load(tokens: Path, table: Path, view: str, template: captions.Template, min_frames: int) -> list[Tokens]:
    """Sequences of `view` of the tracks in a split's table, ordered by track and name.

    Only the ids of the table are read, so that what a removed source left behind is never trained on.

    Raises:
        UserError: no track of the table has the view at `min_frames` frames or more, or one is blended
            with a track that the table lacks.
    """
    tracks = {t.id: t for t in read_tracks(table)}
    member = "mix" if view in SECTIONS else view
    found: dict[str, list[Tokens]] = {}
    for folder in sorted(p for p in tokens.iterdir() if p.is_dir()):
        for track_id, arrays in store.read(folder, member, tracks):
            passages = _passages(arrays, tracks[track_id], tracks, view, template)
            found[track_id] = [row for row in passages if row.codes.shape[1] >= min_frames]
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


def _passages(
    arrays: Arrays, track: Track, tracks: Mapping[str, Track], view: str, template: captions.Template
) -> list[Tokens]:
    """The whole of the codes, or the sections of the mix that the view names; with each, its variants."""
    spans = [(0.0, float(arrays.codes.shape[1]))]
    if view in SECTIONS:
        named = [s for s in track.sections if s["name"] == SECTIONS[view]]
        spans = [(float(s["start"]) * FRAME_RATE, float(s["end"]) * FRAME_RATE) for s in named]
    texts = tuple(captions.for_view(text, view, template) for text in track.texts)
    told = [(made, _told(made, track, tracks, view, template)) for made in arrays.variants]
    rows = []
    for span in spans:
        row = _cut(arrays, track, texts, span)
        variants = tuple(_cut(made, track, lines, span, made.change.stretch) for made, lines in told)
        rows.append(replace(row, variants=variants))
    return rows


def _told(
    made: Variant, track: Track, tracks: Mapping[str, Track], view: str, template: captions.Template
) -> tuple[str, ...]:
    """The track's captions as they are true of a variant; made here, so that editing one encodes nothing."""
    lines = takes.retold(track, made.change, template.section)
    if made.blend:
        if made.blend not in tracks:
            raise UserError(
                f"track {track.id} was blended with {made.blend}, which trains no more: "
                "run `dvc repro`, which encodes it again"
            )
        other = takes.retold(tracks[made.blend], made.change, template.section)[0]
        lines = tuple(takes.blended_text(line, other) for line in lines)
    return tuple(captions.for_view(line, view, template) for line in lines)


def _cut(
    arrays: Arrays | Variant, track: Track, texts: tuple[str, ...], span: tuple[float, float], stretch: float = 1.0
) -> Tokens:
    """The frames of a span of the original, `stretch` times as fast."""
    start, end = (round(frame / stretch) for frame in span)
    codes = arrays.codes[:, start:end]
    levels = None if arrays.levels is None else arrays.levels[:, start:end]
    bars = np.round(np.array(track.bars) * FRAME_RATE / stretch).astype(np.int64) - start
    return Tokens(track.id, codes, texts, levels, bars=bars[(bars >= 0) & (bars < codes.shape[1])])


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


def weighing(rows: Sequence[Tokens], weights: tuple[float, float, float]) -> BandWeights:
    """Band weights over what is usual in the rows that train; variants are weighed by the same.

    Raises:
        UserError: some were encoded without bands.
    """
    every = [part for row in rows for part in (row, *row.variants)]
    levels = [row.levels for row in rows if row.levels is not None]
    bare = sorted({part.track_id for part in every if part.levels is None})
    if bare:
        raise UserError(
            f"params.yaml: `train.band_weights` needs the band energies that encode writes, and {len(bare)} tracks "
            f"have none, first {bare[0]}: run `dvc repro`, which encodes again, or set the weights to [1, 1, 1]"
        )
    return BandWeights(weights, medians([from_levels(part) for part in levels]))


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
    """codes int16 [B, K, T], texts (None where the whole condition is dropped) and track ids.

    lengths: int64 [B], frames that are music; what follows them is padding. weights: float32 [B, T] of
    frames, None where bands count alike.
    """

    codes: Codes
    texts: list[str | None]
    track_ids: list[str]
    lengths: NDArray[np.int64]
    weights: NDArray[np.float32] | None

    @property
    def whole(self) -> bool:
        """Whether no row is padded."""
        return bool((self.lengths == self.codes.shape[2]).all())


@lru_cache(maxsize=4)
def _order(name: str, kind: str, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of an epoch's visits, drawn once an epoch rather than once a sequence."""
    return rng(name, kind, epoch).permutation(count)


@dataclass(frozen=True, slots=True)
class Sampler:
    """Batches as a pure function of the step, so that resuming needs no sampler state.

    Each epoch visits every sequence once, in an order drawn from (seed, key, epoch), at a random
    crop: with `crops` bars, one that begins where a bar does. Of every 1/replay_share sequences
    exactly one is replayed. Where sequences have augmented variants, those take the share that
    `augmented_share` says, by how many of `batches` are done.
    """

    own: Sequence[Tokens]
    replay: Sequence[Tokens]
    replay_share: float
    batch_size: int
    frames: int
    cfg_dropout: float
    word_dropout: float
    name: str  # seed and key
    batches: int = 1  # in the whole stage
    weighing: BandWeights | None = None
    crops: str = "anywhere"  # or bars

    def at(self, index: int) -> Batch:
        """Batch number `index`."""
        first = index * self.batch_size
        draw = rng(self.name, "batch", index)
        rows = [self._row(n) for n in range(first, first + self.batch_size)]
        rows = self._augmented(rows, index)
        starts = [self._start(row, draw) for row in rows]
        parts = [row.codes[:, s : s + self.frames] for row, s in zip(rows, starts, strict=True)]
        lengths = np.array([part.shape[1] for part in parts])
        codes = np.stack([np.pad(p, ((0, 0), (0, self.frames - p.shape[1]))) for p in parts])
        dropped = draw.random() < self.cfg_dropout
        told = [row.texts[int(draw.integers(len(row.texts)))] for row in rows]
        texts = [None if dropped else self._drop_words(text, draw) for text in told]
        return Batch(codes, texts, [row.track_id for row in rows], lengths, self._weights(rows, starts))

    def _start(self, row: Tokens, draw: np.random.Generator) -> int:
        last = max(0, row.codes.shape[1] - self.frames)
        bars = row.bars[row.bars <= last] if self.crops == "bars" else row.bars[:0]
        return int(draw.choice(bars)) if len(bars) else int(draw.integers(last + 1))

    def _augmented(self, rows: list[Tokens], index: int) -> list[Tokens]:
        """Rows, some of them as variants; drawn apart, so that sets without variants are drawn as they ever were."""
        if not any(row.variants for row in rows):
            return rows
        draw = rng(self.name, "variant", index)
        share = augmented_share(min(1.0, index / self.batches))
        chosen = []
        for row in rows:
            wanted, which = draw.random() < share, draw.random()
            chosen.append(row.variants[int(which * len(row.variants))] if wanted and row.variants else row)
        return chosen

    def _weights(self, rows: Sequence[Tokens], starts: Sequence[int]) -> NDArray[np.float32] | None:
        if self.weighing is None:
            return None
        weights = np.zeros((len(rows), self.frames), np.float32)
        for line, row, start in zip(weights, rows, starts, strict=True):
            assert row.levels is not None, f"{row.track_id} has no band levels"
            part = self.weighing.of_frames(from_levels(row.levels[:, start : start + self.frames]))
            line[: len(part)] = part
        return weights

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
    return [
        replace(row, texts=texts[other[row.track_id]], variants=tuple(
            replace(variant, texts=texts[other[row.track_id]]) for variant in row.variants
        ))
        for row in rows
    ]  # fmt: skip


def windows(rows: Sequence[Tokens], frames: int) -> list[Tokens]:
    """Windows of every sequence that do not overlap, in order: what validation and test are measured on.

    In a sequence that has bars they begin where bars do, as clips are expected to.
    """
    return [
        Tokens(row.track_id, row.codes[:, s : s + frames], row.texts)
        for row in rows
        for s in _window_starts(row, frames)
    ]


def _window_starts(row: Tokens, frames: int) -> list[int]:
    last = row.codes.shape[1] - frames
    starts: list[int] = []
    for bar in row.bars[row.bars <= last].tolist():
        if not starts or bar >= starts[-1] + frames:
            starts.append(bar)
    return starts or list(range(0, last + 1, frames))
