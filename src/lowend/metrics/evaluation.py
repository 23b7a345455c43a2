"""All metrics of one set of clips, beside the same of the clips it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from lowend import captions, clips
from lowend.audio.io import Wave
from lowend.clips import Clip
from lowend.metrics import adherence, cross_entropy, fad, genre
from lowend.models import codec as codecs
from lowend.models import musicgen, tagger
from lowend.training import data
from lowend.workers import parallel_map

WINDOW_S = 4.0
"""Seconds in a window of held-out cross-entropy: fixed, so that figures of all runs compare."""


REAL_S = 20.0
"""Seconds from the middle of each held-out track that clips are held against."""


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
class EvaluateConfig:
    """Section `evaluate` of params.yaml."""

    bootstrap: int
    analysis: str
    embedder: str

    def __post_init__(self) -> None:
        if self.embedder != "starter":
            raise ValueError(f"evaluate.embedder must be starter, got {self.embedder!r}")
        if self.bootstrap < 100:
            raise ValueError(f"evaluate.bootstrap must be 100 or more, got {self.bootstrap}")


def likelihood(folders: Folders, config: EvaluateConfig, name: str) -> dict[str, float]:
    """Cross-entropy of model and base on the test split's mixes, and their paired difference."""
    frames = round(WINDOW_S * musicgen.FRAME_RATE)
    rows = data.load(folders.tokens, folders.splits / "test.csv", "mix", captions.load_template(), frames)
    windows = data.windows(rows, frames)
    found = {}
    for kind, folder in (("base", folders.base), ("model", folders.model)):
        found[kind] = cross_entropy.by_track(musicgen.load(folder, codecs.device()), windows, 8)
    change = cross_entropy.difference(found["model"], found["base"], config.bootstrap, name)
    return {
        "ce_base": round(cross_entropy.total(found["base"]), 4),
        **cross_entropy.estimates(found["model"], config.bootstrap, name),
        **change.as_metrics("ce_change"),
    }


def real_clips(codec: Path, tokens: Path, splits: Path, seconds: float) -> list[tuple[Wave, int]]:
    """What the codec makes of the middle of each held-out track's mix: (wav [C, S], Hz).

    A language model cannot sound better than its codec decodes, so clips are held against real music
    that went through the same codec: what the codec loses is then not counted against the model.
    """
    template, decoder = captions.load_template(), codecs.load(codec, codecs.device())
    frames = round(seconds * musicgen.FRAME_RATE)
    rows = [
        row
        for side in ("valid", "test")
        for row in data.load(tokens, splits / f"{side}.csv", "mix", template, min_frames=1)
    ]
    found = []
    for row in rows:
        start = max(0, (row.codes.shape[1] - frames) // 2)
        codes = torch.from_numpy(row.codes[None, :, start : start + frames])
        found.append((codecs.decode(decoder, codes)[0], int(decoder.sample_rate)))
    return found


def _judge(item: tuple[Clip, Wave, int], backend: str) -> adherence.Adherence:
    return adherence.judge(*item, backend=backend)


def of_clips(
    items: Sequence[tuple[Clip, Wave, int]],
    embedded: Sequence[fad.Embeddings],
    real: fad.Embeddings,
    model: tagger.Tagger,
    asked: Sequence[str],
    config: EvaluateConfig,
    name: str,
) -> tuple[dict[str, float], list[adherence.Adherence]]:
    """FAD, adherence and probability of the sub-genres `asked` of one set of clips, and each clip's adherence."""
    judged = list(parallel_map(partial(_judge, backend=config.analysis), items, "judging clips"))
    metrics = {
        "clips": float(len(items)),
        **fad.score(real, embedded, config.bootstrap, name).as_metrics("fad"),
        **adherence.summarise(judged, config.bootstrap, name),
    }
    if asked:
        sounds = [(wav, rate) for _, wav, rate in items]
        metrics |= genre.summarise(model, sounds, asked, config.bootstrap, name)
    return metrics, judged


def compare(
    key: str, samples: Path, against: Path, folders: Folders, config: EvaluateConfig
) -> tuple[dict[str, float], list[adherence.Adherence]]:
    """Metrics of `samples`, under `against_*` of the clips held against, under `real_*` of real music.

    `fad_change` resamples prompts, taking both sets' clips of a prompt together.

    Raises:
        ValueError: there are too few windows for FAD.
    """
    model = tagger.load(folders.kit)
    heard = real_clips(folders.codec, folders.tokens, folders.splits, REAL_S)
    real = np.concatenate([tagger.embeddings(model, wav, rate) for wav, rate in heard])
    mine, theirs = clips.read(samples), clips.read(against)
    embedded = [[tagger.embeddings(model, wav, rate) for _, wav, rate in items] for items in (mine, theirs)]
    asked = sorted({clip.sub_genre for clip, _, _ in mine} & set(model.classes))
    metrics, judged = of_clips(mine, embedded[0], real, model, asked, config, key)
    other, _ = of_clips(theirs, embedded[1], real, model, asked, config, key)
    change = fad.change(real, embedded[0], embedded[1], config.bootstrap, key)
    beside = {"real_low_share": round(float(np.mean([adherence.low_share(*sound) for sound in heard])), 4)}
    if asked:
        found = genre.summarise(model, heard, asked, config.bootstrap, f"{key}/real")
        beside["real_genre_probability"] = found["genre_probability"]
    return {
        **metrics,
        **{f"against_{name}": value for name, value in other.items()},
        **change.as_metrics("fad_change"),
        "real_windows": float(len(real)),
        **beside,
    }, judged
