"""A stage of the curriculum from folders to a checkpoint: load, train, measure against its init."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lowend import cache, captions, licences, takes
from lowend.errors import UserError
from lowend.metrics import cross_entropy
from lowend.models import checkpoints, codebooks, conditioners, decoder, devices, musicgen
from lowend.tracks import Track, read_tracks
from lowend.training import (
    data,
    interrupt,
    loop,
    loss,
    methods,
    musicgen_family,
    optimizers,
    resume,
    schedule,
    sharding,
    store,
    team,
)
from lowend.training.config import TrainConfig
from lowend.training.team import ALONE, Team

BOOTSTRAP = 1000


@dataclass(frozen=True, slots=True)
class StageConfig:
    """Section `curriculum.<key>` of params.yaml."""

    init: str
    genre: str
    view: str
    steps_scale: float  # times train.steps
    lr_scale: float
    sampling_scale: float  # times train.scheduled_sampling
    captions: str  # own | shuffled among the train tracks; held-out tracks always keep their own
    replay: str
    replay_share: float

    def __post_init__(self) -> None:
        if self.steps_scale <= 0:
            raise ValueError(f"curriculum: steps_scale must be above 0, got {self.steps_scale}")
        if not 0 <= self.sampling_scale <= 1:
            raise ValueError(f"curriculum: sampling_scale must be in 0..1, got {self.sampling_scale}")
        if self.captions not in ("own", "shuffled"):
            raise ValueError(f"curriculum: captions must be own or shuffled, got {self.captions!r}")
        if not 0 <= self.replay_share < 1:
            raise ValueError(f"curriculum: replay_share must be at least 0 and below 1, got {self.replay_share}")


@dataclass(frozen=True, slots=True)
class Folders:
    """Inputs and output of a stage."""

    init: Path
    tokens: Path
    splits: Path
    replay_tokens: Path
    replay_splits: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything of params.yaml that a stage may read."""

    seed: int
    lr: float
    licence: str
    train: TrainConfig
    stage: StageConfig


def scaled(config: TrainConfig, stage: StageConfig, key: str) -> TrainConfig:
    """The section `train` as the stage wants it: `steps_scale` times the steps, and so on.

    Raises:
        UserError: that leaves fewer steps than the warm-up takes.
    """
    steps = max(1, round(config.steps * stage.steps_scale))
    if steps < config.warmup:
        raise UserError(
            f"params.yaml: `curriculum.{key}.steps_scale` leaves {steps} steps, fewer than train.warmup "
            f"({config.warmup}); raise the one or lower the other"
        )
    return replace(config, steps=steps, scheduled_sampling=config.scheduled_sampling * stage.sampling_scale)


def run(
    key: str,
    folders: Folders,
    settings: Settings,
    on_step: Callable[[dict[str, float]], None],
    crew: Team = ALONE,
    hear: Callable[[int, loop.State], None] | None = None,
) -> dict[str, float | str]:
    """Train the stage, and as the first of a crew write its checkpoint and return its summary metrics (others: none).

    `ce_*` are in nats on the test split's own view (`test_view`: the mix, where no test track holds
    that view): `ce_init` of the weights that the stage started from, `ce` of its averaged weights,
    `ce_change` their paired difference (below zero is better). `ce_other*` are the same of the test split
    of the genre that is replayed, where that is another: what the stage forgot. `skipped_batches` is there
    where a loss was not finite.
    """
    top_tier = licences.highest_tier(settings.licence)
    template = captions.load_template()
    if settings.stage.view not in template.views:
        known = ", ".join(template.views)
        raise UserError(f"params.yaml: `curriculum.{key}.view` must be one of {known}, got {settings.stage.view!r}")
    config = settings.train
    frames = round(config.segment_s * musicgen.FRAME_RATE)
    shortest = round(config.shortest_s * musicgen.FRAME_RATE)
    view = settings.stage.view

    tracks = {t.id: t for t in read_tracks(folders.splits / "train.csv")}
    own = data.load(folders.tokens, folders.splits / "train.csv", view, template, shortest)
    replay: list[data.Tokens] = []
    if settings.stage.replay_share > 0:
        replay = data.load(folders.replay_tokens, folders.replay_splits / "train.csv", view, template, shortest)
        tracks |= {t.id: t for t in read_tracks(folders.replay_splits / "train.csv")}
    data.check_licences(list(tracks.values()), top_tier)
    name = f"{settings.seed}/{key}"
    if settings.stage.captions == "shuffled":
        own, replay = data.shuffled(own, name), data.shuffled(replay, name) if replay else []
    sampler = data.Sampler(
        own=own,
        replay=replay,
        replay_share=settings.stage.replay_share,
        batch_size=config.batch_size,
        frames=frames,
        cfg_dropout=config.cfg_dropout,
        word_dropout=config.word_dropout,
        name=name,
        batches=config.steps * config.accumulate,
        crops=config.crops,
        weighing=data.weighing([*own, *replay], config.band_weights) if config.band_weighted else None,
    )

    def held_out(tokens: Path, table: Path) -> tuple[list[data.Tokens], str]:
        rows, heard = data.load_held_out(tokens, table, view, template, frames)
        return data.windows(rows, frames), heard

    replay_share = settings.stage.replay_share
    valid = [(held_out(folders.tokens, folders.splits / "valid.csv")[0], 1 - replay_share)]
    if replay_share > 0:
        valid.append((held_out(folders.replay_tokens, folders.replay_splits / "valid.csv")[0], replay_share))
    test, test_view = held_out(folders.tokens, folders.splits / "test.csv")
    other: list[data.Tokens] = []
    if settings.stage.replay != settings.stage.genre:
        other, _ = held_out(folders.replay_tokens, folders.replay_splits / "test.csv")

    def score(averaged: musicgen.MusicGen) -> float:
        """Held-out cross-entropy of the mixture that the stage trains on: what it forgets counts by its share."""
        return sum(
            share * cross_entropy.total(cross_entropy.by_track(averaged, rows, config.batch_size))
            for rows, share in valid
        )

    lm = musicgen.load(folders.init, "cpu" if crew.sharded else devices.best())
    code = cache.code(
        loop, loss, methods, optimizers, sharding, team, interrupt, data, store, schedule, resume, musicgen,
        musicgen_family, decoder, conditioners, codebooks, takes, cross_entropy,
    )  # fmt: skip
    inputs = cache.files(folders.init, folders.tokens, folders.splits, folders.replay_tokens, folders.replay_splits)
    scratch = cache.scratch("train", key, settings, inputs, code)
    result = loop.train(
        musicgen_family.MusicGenFamily(config.scheduled_sampling),
        lm,
        sampler,
        config,
        settings.lr * settings.stage.lr_scale,
        score,
        scratch,
        on_step,
        crew,
        hear,
    )
    if not crew.leads:
        return {}
    # Measured last, so that training begins at once however many tracks are held out.
    lm = musicgen.load(folders.init, devices.best())
    before, other_before = (cross_entropy.by_track(lm, rows, config.batch_size) for rows in (test, other))
    lm.load_state_dict(result.ema)
    after, other_after = (cross_entropy.by_track(lm, rows, config.batch_size) for rows in (test, other))
    used = {row.track_id for row in (*sampler.own, *sampler.replay)}
    heard = [t for t in tracks.values() if t.id in used]
    _write(folders, result, _lineage(folders.init, key, settings, heard, inputs))
    resume.clear(scratch)
    change = cross_entropy.difference(after, before, BOOTSTRAP, key)
    return {
        "best_step": result.best_step,
        "last_step": result.last_step,
        "train_sequences": len(sampler.own),
        "test_tracks": len({row.track_id for row in test}),
        "test_view": test_view,
        "ce_init": round(cross_entropy.total(before), 4),
        **cross_entropy.estimates(after, BOOTSTRAP, key),
        **change.as_metrics("ce_change"),
        **(_forgetting(other_after, other_before, key) if other else {}),
        **({"skipped_batches": len(result.skipped)} if result.skipped else {}),
    }


def _forgetting(after: cross_entropy.ByTrack, before: cross_entropy.ByTrack, key: str) -> dict[str, float]:
    change = cross_entropy.difference(after, before, BOOTSTRAP, f"{key}/other")
    return {
        "ce_other_init": round(cross_entropy.total(before), 4),
        "ce_other": round(cross_entropy.total(after), 4),
        **change.as_metrics("ce_other_change"),
    }


def _write(folders: Folders, result: loop.Result, lineage: dict[str, object]) -> None:
    config, t5 = checkpoints.read_json(folders.init, "config.json"), folders.init / "t5"
    checkpoints.write(folders.out, result.raw, config, lineage, ema=result.ema, t5=t5)


def _lineage(folder: Path, key: str, settings: Settings, tracks: list[Track], inputs: str) -> dict[str, object]:
    """The lineage of the init's folder with this stage and its tracks added; neither time nor revision."""
    init = checkpoints.read_json(folder, "lineage.json")
    known = {(row["id"], row["licence"]) for row in init["tracks"]}
    both = sorted(known | {(t.id, t.licence) for t in tracks})
    stage = {"key": key, "view": settings.stage.view, "genre": settings.stage.genre, "inputs": inputs}
    stages = [*init["stages"], stage]
    commercial = bool(init["commercial"]) and all(licences.tier(licence) == 1 for _, licence in both)
    return {
        **init,
        "commercial": commercial,
        "device": devices.best(),
        "stages": stages,
        "tracks": [{"id": track_id, "licence": licence} for track_id, licence in both],
    }
