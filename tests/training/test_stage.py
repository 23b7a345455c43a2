"""A stage from folders to a checkpoint: its own number of steps, and captions that only training may shuffle."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import kit
import mini
import numpy as np
import pytest
import torch

from lowend import params, shards
from lowend.errors import UserError
from lowend.metrics import cross_entropy
from lowend.models import checkpoints, musicgen
from lowend.shards import Member
from lowend.tracks import Track, write_json, write_tracks
from lowend.training import data, stage
from lowend.training.config import TrainConfig
from lowend.training.stage import Folders, Settings, StageConfig

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 50
SIDES = {"train": 5, "valid": 2, "test": 2}


def train_config(steps: int = 2, warmup: int = 1) -> TrainConfig:
    return mini.config(steps=steps, warmup=warmup, segment_s=FRAMES / 50, shortest_s=FRAMES / 50, keep=1)


def stage_config(captions: str = "own", steps_scale: float = 1.0) -> StageConfig:
    return StageConfig("base", "hiphop", "mix", steps_scale, 1.0, 1.0, captions, "hiphop", 0.0)


def own_text(track_id: str) -> str:
    return f"hip-hop number {track_id}"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    where = tmp_path_factory.mktemp("stage")
    base = kit.unpack(where / "models") / "base"
    tokens, splits = genre(where, seed=0)
    return Folders(base, tokens, splits, tokens, splits, where / "out")


def genre(where: Path, seed: int) -> tuple[Path, Path]:
    """Tokens and splits of a genre of random codes."""
    rng = np.random.default_rng(seed)
    members = []
    for side, count in SIDES.items():
        tracks = [Track(f"{side}{n}", f"{side}{n}.wav", caption=own_text(f"{side}{n}"), tier=1) for n in range(count)]
        write_tracks(where / "splits" / f"{side}.csv", tracks)
        for track in tracks:
            file = io.BytesIO()
            np.save(file, rng.integers(0, 256, (4, 2 * FRAMES)).astype(np.int16))
            members.append([Member(track.id, "mix.npy", file.getvalue())])
    shards.write(where / "tokens" / "x", sorted(members, key=lambda parts: parts[0].id))
    return where / "tokens", where / "splits"


def heard(
    folders: Folders, config: StageConfig, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, set[str]], dict[str, float | str]]:
    """What each track was said to be, in training, validation and test of one run; and the run's summary."""
    texts: dict[str, set[str]] = {}
    at, by_track = data.Sampler.at, cross_entropy.by_track

    def told(sampler: data.Sampler, index: int) -> data.Batch:
        batch = at(sampler, index)
        for track_id, text in zip(batch.track_ids, batch.texts, strict=True):
            texts.setdefault(track_id, set()).add(str(text))
        return batch

    def measured(lm, rows, batch_size):  # type: ignore[no-untyped-def]
        for row in rows:
            texts.setdefault(row.track_id, set()).update(row.texts)
        return by_track(lm, rows, batch_size)

    with monkeypatch.context() as patched:
        patched.chdir(ROOT)
        patched.setenv("LOWEND_SCRATCH", str(scratch))
        patched.setattr(data.Sampler, "at", told)
        patched.setattr(cross_entropy, "by_track", measured)
        settings = Settings(0, 1e-3, "commercial", stage.scaled(train_config(), config, "mine"), config)
        return texts, stage.run("mine", folders, settings, lambda _: None)


def test_shuffled_captions_reach_training_and_never_what_is_measured(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, before = heard(folders, stage_config("own", 3.0), tmp_path, monkeypatch)
    shuffled, after = heard(folders, stage_config("shuffled", 3.0), tmp_path, monkeypatch)
    assert own == {track_id: {own_text(track_id)} for track_id in own} and set(own) == set(shuffled)
    assert sum(track_id.startswith("train") for track_id in own) == 5, "six steps of two visit every track"
    for track_id, texts in shuffled.items():
        assert (texts == {own_text(track_id)}) != track_id.startswith("train"), track_id
    assert before["last_step"] == after["last_step"] == 6
    assert before["ce_init"] == after["ce_init"] and before["ce"] != after["ce"]


def test_what_a_stage_forgets_is_measured_on_the_genre_that_it_replays(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, splits = genre(tmp_path, seed=1)
    both = replace(folders, replay_tokens=tokens, replay_splits=splits)
    _, alone = heard(folders, stage_config(), tmp_path, monkeypatch)
    config = replace(stage_config(steps_scale=20.0), replay="dubstep")
    _, found = heard(both, config, tmp_path, monkeypatch)
    assert "ce_other" not in alone
    assert found["ce_init"] == alone["ce_init"] != found["ce_other_init"]
    assert found["ce_other_change"] == pytest.approx(found["ce_other"] - found["ce_other_init"], abs=2e-4)
    replayed = replace(config, replay_share=0.5)
    _, helped = heard(both, replayed, tmp_path, monkeypatch)
    assert helped["ce_other_init"] == found["ce_other_init"] and helped["ce_other"] != found["ce_other"]


def test_the_best_step_is_the_best_for_what_is_replayed_too(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what the stage trains on is another genre: its held-out tracks are half of the choice."""
    tokens, splits = genre(tmp_path, seed=1)
    both = replace(folders, replay_tokens=tokens, replay_splits=splits)
    scores: list[float] = []

    def scored(*given, **named):  # type: ignore[no-untyped-def]
        lm, validate = given[1], given[5]
        scores.append(validate(lm))
        raise UserError("enough")

    monkeypatch.setattr(stage.loop, "train", scored)
    alone = replace(folders, tokens=tokens, splits=splits)
    for where, share in ((both, 0.0), (alone, 0.0), (both, 0.5), (both, 0.9)):
        with pytest.raises(UserError, match="enough"):
            heard(where, replace(stage_config(), replay="dubstep", replay_share=share), tmp_path, monkeypatch)
    own, other, half, most = scores
    assert own != half
    assert most - own == pytest.approx(1.8 * (half - own), rel=1e-4)
    assert half == pytest.approx((own + other) / 2) and most == pytest.approx(0.1 * own + 0.9 * other)


def test_a_checkpoint_is_of_the_family_of_its_init(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = shutil.copytree(folders.init, tmp_path / "init")
    lineage = checkpoints.read_json(init, "lineage.json")
    write_json(init / "lineage.json", lineage | {"family": "musicgen"})
    heard(replace(folders, init=init), stage_config(), tmp_path, monkeypatch)
    assert checkpoints.read_json(folders.out, "lineage.json")["family"] == "musicgen"


def test_a_stage_has_its_share_of_the_steps_and_of_the_codes_that_it_draws_itself() -> None:
    config = replace(train_config(steps=90, warmup=10), scheduled_sampling=0.2)
    assert stage.scaled(config, stage_config(steps_scale=1.0), "mine") == config
    assert stage.scaled(config, stage_config(steps_scale=2.5), "mine").steps == 225
    plain = stage.scaled(config, replace(stage_config(), sampling_scale=0.0), "mine")
    assert plain == replace(config, scheduled_sampling=0.0)
    with pytest.raises(UserError, match=r"`curriculum.mine.steps_scale` leaves 9 steps, .* train.warmup \(10\)"):
        stage.scaled(config, stage_config(steps_scale=0.1), "mine")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("steps_scale", 0.0, "steps_scale must be above 0, got 0.0"),
        ("sampling_scale", 1.5, "sampling_scale must be in 0..1, got 1.5"),
        ("captions", "none", "captions must be own or shuffled, got 'none'"),
        ("replay_share", 1.0, "replay_share must be at least 0 and below 1, got 1.0"),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(key: str, value: object, message: str) -> None:
    section = params.load("curriculum.joint", path=ROOT / "params.yaml")["curriculum.joint"] | {key: value}
    with pytest.raises(UserError, match=message):
        params.build(StageConfig, section, "curriculum.joint")


def test_a_stage_without_band_energies_refuses_to_weigh_by_them(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    config = replace(train_config(), band_weights=(2.0, 1.0, 0.5))
    with pytest.raises(UserError, match=r"`train.band_weights` needs the band energies .* 5 tracks have none, first "):
        stage.run("mine", folders, Settings(0, 1e-3, "commercial", config, stage_config()), lambda _: None)


def test_own_codes_are_trained_with_and_never_measured(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    told = []
    for share in (0.0, 0.5):
        monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path / str(share)))
        config, log = replace(train_config(), scheduled_sampling=share), []
        metrics = stage.run("mine", folders, Settings(0, 1e-3, "commercial", config, stage_config()), log.append)
        told.append((log[0]["train_ce"], metrics["ce_init"]))
    assert told[0][0] != told[1][0] and told[0][1] == told[1][1]


def test_a_batch_that_was_left_out_is_in_the_metrics(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, calls = musicgen.cross_entropy, []

    def spoilt(lm, *given):  # type: ignore[no-untyped-def]
        calls.append(lm.training)
        return honest(lm, *given) * (float("nan") if calls.count(True) == 1 and lm.training else 1.0)

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    settings = Settings(0, 1e-3, "commercial", train_config(), stage_config())
    assert "skipped_batches" not in stage.run("mine", folders, settings, lambda _: None)
    monkeypatch.setattr(musicgen, "cross_entropy", spoilt)
    found = stage.run("mine", folders, settings, lambda _: None)
    assert found["skipped_batches"] == 1 and found["last_step"] == 2


def test_adapters_leave_an_ordinary_checkpoint(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    config = replace(train_config(), method="lora", freeze=1)
    stage.run("mine", folders, Settings(0, 1e-2, "commercial", config, stage_config()), lambda _: None)
    before, after = checkpoints.read_state(folders.init), checkpoints.read_state(folders.out)
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith("transformer.layers.") for name in moved)
    assert not any(name.startswith("transformer.layers.0.") for name in moved)
    musicgen.load(folders.out)
