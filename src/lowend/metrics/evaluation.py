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
from lowend.metrics import adherence, cross_entropy, fad, genre, mmd
from lowend.metrics.embedders import EMBEDDERS, Embedder, Embeddings
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
class Listener:
    """What hears the clips, made ready once, and the real music that they are held against."""

    embedder: Embedder
    starter: tagger.Tagger
    real: Embeddings  # [N, D], all windows
    real_kernels: mmd.Real


@dataclass(frozen=True, slots=True)
class Heard:
    """One set of clips, and what its embeddings give."""

    items: Sequence[tuple[Clip, Wave, int]]
    embedded: list[Embeddings]  # of each clip, [n, D]
    kernels: mmd.Kernels


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Section `evaluate` of params.yaml."""

    bootstrap: int
    analysis: str
    embedder: str

    def __post_init__(self) -> None:
        if self.embedder not in EMBEDDERS:
            raise ValueError(f"evaluate.embedder must be one of {', '.join(EMBEDDERS)}, got {self.embedder!r}")
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


def hear(listener: Listener, items: Sequence[tuple[Clip, Wave, int]]) -> Heard:
    """Embed a set of clips, each once.

    Raises:
        ValueError: there are too few windows for FAD or too few clips for MMD.
    """
    embedded = [listener.embedder.embed(wav, rate) for _, wav, rate in items]
    fad.check(listener.real, np.concatenate(embedded), listener.embedder.least_windows)
    return Heard(items, embedded, mmd.kernels(listener.real_kernels, embedded))


def of_clips(
    heard: Heard, listener: Listener, asked: Sequence[str], config: EvaluateConfig, name: str
) -> tuple[dict[str, float], list[adherence.Adherence]]:
    """FAD, MMD, adherence and probability of the sub-genres `asked` of one set of clips, and each clip's adherence."""
    judged = list(parallel_map(partial(_judge, backend=config.analysis), heard.items, "judging clips"))
    metrics = {
        "clips": float(len(heard.items)),
        **fad.score(listener.real, heard.embedded, config.bootstrap, name).as_metrics("fad"),
        **mmd.score(heard.kernels, config.bootstrap, name).as_metrics("mmd"),
        **genre.tags(listener.embedder, heard.embedded, config.bootstrap, name),
        **adherence.summarise(judged, config.bootstrap, name),
    }
    if asked:
        sounds = [(wav, rate) for _, wav, rate in heard.items]
        metrics |= genre.summarise(listener.starter, sounds, asked, config.bootstrap, name)
    return metrics, judged


def compare(
    key: str, samples: Path, against: Path, folders: Folders, config: EvaluateConfig
) -> tuple[dict[str, float], list[adherence.Adherence]]:
    """Metrics of `samples`, under `against_*` of the clips held against, under `real_*` of real music.

    `fad_change` and `mmd_change` resample prompts, taking both sets' clips of a prompt together.

    Raises:
        ValueError: there are too few windows for FAD, or too few clips or tracks for MMD.
    """
    model, embedder = tagger.load(folders.kit), EMBEDDERS[config.embedder](folders.kit)
    sounds = real_clips(folders.codec, folders.tokens, folders.splits, REAL_S)
    tracks = [embedder.embed(wav, rate) for wav, rate in sounds]
    listener = Listener(embedder, model, np.concatenate(tracks), mmd.real(tracks))
    mine, theirs = (hear(listener, clips.read(folder)) for folder in (samples, against))
    asked = sorted({clip.sub_genre for clip, _, _ in mine.items} & set(model.classes))
    metrics, judged = of_clips(mine, listener, asked, config, key)
    other, _ = of_clips(theirs, listener, asked, config, key)
    beside = {
        "real_windows": float(len(listener.real)),
        "real_low_share": round(float(np.mean([adherence.low_share(*sound) for sound in sounds])), 4),
        "embedding_width": float(listener.real.shape[1]),
    }
    real = genre.tags(embedder, tracks, config.bootstrap, f"{key}/real")
    if asked:
        real |= genre.summarise(model, sounds, asked, config.bootstrap, f"{key}/real")
    return {
        **metrics,
        **{f"against_{name}": value for name, value in other.items()},
        **fad.change(listener.real, mine.embedded, theirs.embedded, config.bootstrap, key).as_metrics("fad_change"),
        **mmd.change(mine.kernels, theirs.kernels, config.bootstrap, key).as_metrics("mmd_change"),
        **beside,
        **{f"real_{name}": value for name, value in real.items() if not name.endswith(("_low", "_high"))},
    }, judged
