"""All metrics of one set of clips, beside the same of the clips it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lowend import captions, clips, shards
from lowend.audio.io import Wave, read_flac
from lowend.clips import Clip
from lowend.clusters import SIDES
from lowend.metrics import adherence, cross_entropy, fad, genre
from lowend.models import codec as codecs
from lowend.models import musicgen, tagger
from lowend.tracks import read_tracks
from lowend.training import data
from lowend.workers import parallel_map

WINDOW_S = 4.0
"""Seconds in a window of held-out cross-entropy: fixed, so that figures of all runs compare."""


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


def likelihood(
    model: Path, base: Path, tokens: Path, splits: Path, frames: int, config: EvaluateConfig, name: str
) -> dict[str, float]:
    """Cross-entropy of model and base on the test split's mixes, and their paired difference."""
    rows = data.load(tokens, splits / "test.csv", "mix", captions.load_template(), frames)
    windows = data.windows(rows, frames)
    found = {}
    for kind, folder in (("base", base), ("model", model)):
        found[kind] = cross_entropy.by_track(musicgen.load(folder, codecs.device()), windows, 8)
    change = cross_entropy.difference(found["model"], found["base"], config.bootstrap, name)
    return {
        "ce_base": round(cross_entropy.total(found["base"]), 4),
        **cross_entropy.estimates(found["model"], config.bootstrap, name),
        **change.as_metrics("ce_change"),
    }


def real_embeddings(model: tagger.Tagger, audio: Path, splits: Path) -> fad.Embeddings:
    """Embeddings of the mixes of all tracks of the splits, from every source folder below `audio`."""
    wanted = {t.id for side in SIDES for t in read_tracks(splits / f"{side}.csv")}
    found = {}
    for folder in sorted(p for p in audio.iterdir() if p.is_dir()):
        for member in shards.read(folder):
            if member.id in wanted and member.name == "mix.flac":
                found[member.id] = tagger.embeddings(model, *read_flac(member.data))
    return np.concatenate([found[track] for track in sorted(found)])


def _judge(item: tuple[Clip, Wave, int], backend: str) -> adherence.Adherence:
    return adherence.judge(*item, backend=backend)


def of_clips(
    items: Sequence[tuple[Clip, Wave, int]],
    embedded: Sequence[fad.Embeddings],
    real: fad.Embeddings,
    model: tagger.Tagger,
    config: EvaluateConfig,
    name: str,
) -> tuple[dict[str, float], list[adherence.Adherence]]:
    """FAD, adherence and genre probability of one set of clips, and the adherence of each."""
    judged = list(parallel_map(partial(_judge, backend=config.analysis), items, "judging clips"))
    asked = sorted({clip.sub_genre for clip, _, _ in items} & set(model.classes))
    metrics = {
        "clips": float(len(items)),
        **fad.score(real, embedded, config.bootstrap, name).as_metrics("fad"),
        **adherence.summarise(judged, config.bootstrap, name),
    }
    if asked:
        metrics |= genre.summarise(model, items, asked, config.bootstrap, name)
    return metrics, judged


def compare(
    key: str, samples: Path, against: Path, audio: Path, splits: Path, kit: Path, config: EvaluateConfig
) -> tuple[dict[str, float], list[adherence.Adherence]]:
    """Metrics of `samples`, and under `against_*` of the clips that they are held against.

    `fad_change` resamples prompts, taking both sets' clips of a prompt together.
    """
    model = tagger.load(kit)
    real = real_embeddings(model, audio, splits)
    mine, theirs = clips.read(samples), clips.read(against)
    embedded = [[tagger.embeddings(model, wav, rate) for _, wav, rate in items] for items in (mine, theirs)]
    metrics, judged = of_clips(mine, embedded[0], real, model, config, key)
    other, _ = of_clips(theirs, embedded[1], real, model, config, key)
    change = fad.change(real, embedded[0], embedded[1], config.bootstrap, key)
    return {
        **metrics,
        **{f"against_{name}": value for name, value in other.items()},
        **change.as_metrics("fad_change"),
        "real_windows": float(len(real)),
    }, judged
