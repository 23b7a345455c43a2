"""Clips of a model for prompts: made once for every model, and what is heard in them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file

from lowend import cache, clips, params
from lowend import kit as kits
from lowend.audio.io import Wave
from lowend.clips import Clip
from lowend.metrics import adherence
from lowend.models import codec as codecs
from lowend.models import musicgen
from lowend.models.sampling import Sampling
from lowend.seeds import rng, seed
from lowend.workers import parallel_map
from starter_parts import songs, tagging
from starter_parts.codec import load as load_codec
from starter_parts.table import Setup

GENRES = ("hiphop", "dubstep")
SECONDS = 8.0
BATCH = 25
"""Prompts of a forward pass; part of the last digits, as texts are padded to the longest of their batch."""

Item = tuple[Clip, Wave, int]


@dataclass(frozen=True, slots=True)
class _Batch:
    home: Path
    model: Path
    codec: Path
    sampling: Sampling
    prompts: tuple[clips.Prompt, ...]
    seeds: tuple[int, ...]


def prompted(setup: Setup, model: Path, genre: str) -> list[Item]:
    """`setup.clips` clips [C, S] of a checkpoint folder for a genre's prompts of the pipeline."""
    return of_model(setup, model, clips.read_prompts(setup.root / f"prompts/{genre}.csv", setup.clips), genre)


def of_model(setup: Setup, model: Path, prompts: Sequence[clips.Prompt], name: str) -> list[Item]:
    """A clip [C, S] of a checkpoint folder for each prompt, from scratch where it was made; seeds are by name."""
    codec = kits.unpack(setup.kit / "musicgen") / "codec"
    asked = kits.sampling(setup.root / "params.yaml")
    seeds = [seed(songs.SEED, name, n) for n in range(len(prompts))]
    made_by = cache.files(model, codec)
    jobs = []
    for start in range(0, len(prompts), BATCH):
        part = slice(start, start + BATCH)
        home = cache.scratch("starter", "clips", made_by, asked, SECONDS, prompts[part], seeds[part])
        jobs.append(_Batch(home, model, codec, asked, tuple(prompts[part]), tuple(seeds[part])))
    missing = [job for job in jobs if not job.home.exists()]
    for _ in parallel_map(_make, missing, f"clips of {model.name}, {name}"):
        pass
    return [item for job in jobs for item in clips.read(job.home)]


@lru_cache(maxsize=1)
def _load(model: Path) -> musicgen.MusicGen:
    return musicgen.load(model)


def _make(job: _Batch) -> None:
    codes = musicgen.generate(
        _load(job.model),
        [prompt.text for prompt in job.prompts],
        job.seeds,
        round(SECONDS * musicgen.FRAME_RATE),
        job.sampling,
    )
    codec = load_codec(job.codec)
    partial_home = job.home.with_suffix(".tmp")
    shutil.rmtree(partial_home, ignore_errors=True)
    clips.write(partial_home, job.prompts, job.seeds, codecs.decode(codec, codes), codec.sample_rate)
    partial_home.rename(job.home)


def tempo_right(setup: Setup, items: Sequence[Item]) -> float:
    """Share of clips whose tempo is that of the prompt, within 4 % and up to octaves."""
    backend = params.load("evaluate", path=setup.root / "params.yaml")["evaluate"]["analysis"]
    return float(np.mean(list(parallel_map(partial(_has_tempo, backend), items, "tempo"))))


def _has_tempo(backend: str, item: Item) -> bool:
    return bool(adherence.judge(*item, backend=backend).tempo_right)


def genre_right(kit: Path, items: Sequence[Item], genre: str) -> float:
    """Share of clips whose most probable sub-genre lies in the asked genre."""
    heard = parallel_map(partial(_top, kit), items, "genre")
    return float(np.mean([songs.genre_of(name) == genre for name in heard]))


def _top(kit: Path, item: Item) -> str:
    _, wav, rate = item
    return tagging.top(kit, wav, rate)


def permute_tokens(model: Path) -> Path:
    """A copy of a checkpoint folder whose text encoder takes every token for another."""
    folder = cache.scratch("starter", "permuted tokens", cache.files(model))
    if not folder.exists():
        partial_copy = folder.with_suffix(".tmp")
        shutil.rmtree(partial_copy, ignore_errors=True)
        shutil.copytree(model, partial_copy)
        path = partial_copy / "t5/model.safetensors"
        state = load_file(path)
        order = rng("permuted tokens").permutation(len(state["shared.weight"]))
        state["shared.weight"] = state["shared.weight"][order].contiguous()
        save_file(state, path, metadata={"format": "pt"})
        partial_copy.rename(folder)
    return folder
