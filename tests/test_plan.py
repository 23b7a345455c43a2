"""The plan: counts, parts that add up, memory that moves as training's does, and a warning that names a way out."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import plan
from lowend import params
from lowend.errors import UserError
from lowend.models import base
from lowend.models.base import BaseConfig
from lowend.training import memory, planner
from lowend.training.config import TrainConfig
from lowend.training.planner import GIB, Device
from lowend.training.stage import StageConfig

ROOT = Path(__file__).resolve().parents[1]
CONFIG = replace(
    params.build(TrainConfig, params.load("train", path=ROOT / "params.yaml")["train"], "train"),
    steps=10, batch_size=4, segment_s=1.0, shortest_s=1.0, warmup=1, rank=4, alpha=8.0,
)  # fmt: skip
CARD = Device("card", 24 * GIB, True, {"fp32": 1e12, "bf16": 2e12})


def small() -> dict[str, Any]:
    """A published form at a width that is planned in a moment."""
    config = planner.published("facebook/musicgen-small")
    config["transformer_lm"] |= {"dim": 64, "num_heads": 4, "num_layers": 4, "card": 128}
    return config


def predicted(**change: Any) -> memory.Memory:
    return memory.predict(small(), None, replace(CONFIG, **change), False, 0)


def test_parts_add_up_and_follow_from_the_counts() -> None:
    found = memory.predict(small(), None, CONFIG, False, 1000)
    assert found.trainable == found.parameters and found.weights == 4 * found.parameters
    assert (found.averaged, found.best, found.optimizer) == (found.weights, 2 * found.weights, 2 * found.weights)
    assert found.peak == pytest.approx(1.07 * (6 * found.weights + found.step + found.text + 1000), abs=1)
    assert found.gradients < found.step < found.gradients + 1.5 * found.activations


def test_memory_moves_as_training_s_does() -> None:
    plain = predicted()
    assert predicted(batch_size=8).activations == pytest.approx(2 * plain.activations, rel=0.1)
    assert predicted(checkpointing=True).activations < 0.5 * plain.activations
    assert predicted(precision="bf16").activations < 0.9 * plain.activations
    lora, frozen = predicted(method="lora"), predicted(freeze=2)
    assert lora.trainable < 0.2 * plain.trainable and lora.optimizer < 0.2 * plain.optimizer
    assert frozen.trainable < plain.trainable and frozen.activations < plain.activations
    assert predicted(accumulate=4) == plain, "micro-batches come one after the other"


@pytest.mark.parametrize(
    ("name", "books", "millions"),
    [
        ("musicgen-small", 4, 420),
        ("musicgen-stereo-small", 8, 437),
        ("musicgen-medium", 4, 1839),
        ("musicgen-large", 4, 3255),
    ],
)
def test_published_sizes(name: str, books: int, millions: int) -> None:
    config = planner.published(f"facebook/{name}")
    assert config["transformer_lm"]["n_q"] == books
    lm = memory.musicgen.build(config, None, "meta")
    assert sum(p.numel() for p in lm.parameters()) / 1e6 == pytest.approx(millions, rel=0.005)
    assert memory.text_parameters(config, None) == pytest.approx(109.6e6, rel=0.001), "t5-base's encoder"


def test_the_batch_that_fits_is_the_largest() -> None:
    config = replace(CONFIG, segment_s=10.0, shortest_s=1.0)
    device = replace(CARD, bytes=GIB)
    batch = planner.fitting_batch(device, small(), None, config, 0)
    held, over = (memory.predict(small(), None, replace(config, batch_size=n), True, 0) for n in (batch, batch + 2))
    assert batch > 4 and device.holds(held) and not device.holds(over)
    assert planner.fitting_batch(replace(CARD, bytes=GIB // 10), small(), None, config, 0) == 0


def test_what_a_gpu_of_its_own_memory_need_not_hold() -> None:
    needed = memory.predict(small(), None, CONFIG, True, 5 * GIB)
    tight = replace(CARD, bytes=int(needed.on_device / 0.9))
    assert tight.holds(needed) and not replace(tight, own_memory=False).holds(needed)


def test_shares_of_a_model_are_parts_of_the_whole() -> None:
    """One of four holds a quarter of what lasts, and whole only the part that computes, and all activations."""
    lean = replace(CONFIG, checkpointing=True, precision="bf16")
    alone, one = (memory.predict(small(), None, lean, True, GIB, shards) for shards in (1, 4))
    assert (4 * one.weights, 4 * one.averaged, 4 * one.gradients) == (alone.weights, alone.averaged, alone.gradients)
    assert one.activations == alone.activations and one.step > max(one.activations, one.gradients)
    assert one.copies == 0 < alone.copies
    many = memory.predict(small(), None, lean, True, GIB, 64)
    layer = 14 * small()["transformer_lm"]["dim"] ** 2 * 4
    assert many.step >= many.activations + 2 * layer, "a part's weights and gradients are whole"
    assert many.on_device < one.on_device < alone.on_device and one.best > alone.best


def test_a_shared_model_has_room_for_larger_batches() -> None:
    config = replace(CONFIG, segment_s=10.0, shortest_s=1.0)
    alone, shared = (
        planner.fitting_batch(replace(CARD, bytes=GIB), small(), None, config, 0, shards) for shards in (1, 8)
    )
    assert 0 < alone < shared


def test_autocast_keeps_a_copy_of_the_weights_on_a_gpu() -> None:
    wide, narrow = (memory.predict(small(), None, replace(CONFIG, precision=p), True, 0) for p in ("fp32", "bf16"))
    assert (wide.copies, narrow.copies) == (0, 2 * narrow.parameters)
    assert narrow.on_device >= narrow.weights + narrow.averaged + narrow.optimizer + narrow.step + narrow.copies


def test_eight_bits_are_planned_where_bitsandbytes_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    assert predicted(optimizer="adamw8bit", precision="bf16").optimizer < predicted().optimizer


def test_operations_follow_the_work() -> None:
    plain = planner.operations(small(), CONFIG)
    assert planner.operations(small(), replace(CONFIG, accumulate=3)) == pytest.approx(3 * plain)
    assert planner.operations(small(), replace(CONFIG, freeze=4)) < 0.6 * plain
    assert 1.1 * plain < planner.operations(small(), replace(CONFIG, checkpointing=True)) < 4 / 3 * plain
    drawing = planner.operations(small(), replace(CONFIG, scheduled_sampling=0.2))
    assert planner.operations(small(), replace(CONFIG, checkpointing=True)) < drawing < 4 / 3 * plain
    published = planner.published("facebook/musicgen-small")
    weights = 24 * 14 * 1024**2 + 4 * 2048 * 1024  # all but the text's keys and values
    assert planner.operations(published, CONFIG) == pytest.approx(6 * weights * 4 * 50, rel=0.02)


def test_a_stage_that_does_not_fit_is_told_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "this_device", lambda precision: replace(CARD, bytes=GIB))
    monkeypatch.setattr(planner, "program_bytes", lambda: 0)
    assert plan.warning(small(), None, CONFIG) == ""
    long = replace(CONFIG, batch_size=64, segment_s=20.0)
    said = plan.warning(small(), None, long)
    batch = int(said.rsplit("train.batch_size ", 1)[1].split()[0])
    assert said.startswith("training needs ") and "card has 1.0 GiB free" in said and 0 < batch < 64
    assert plan.warning(small(), None, replace(long, batch_size=batch)) == ""
    monkeypatch.setattr(planner, "this_device", lambda precision: replace(CARD, bytes=GIB // 10))
    assert plan.warning(small(), None, CONFIG).endswith("train.method lora or a smaller base")


@pytest.mark.parametrize(
    ("model", "revision", "channels", "message"),
    [
        ("facebook/musicgen-small", "", 1, "`base.revision` must hold the commit of facebook/musicgen-small"),
        ("facebook/musicgen-tiny", "a", 1, "`base.model` must be a folder or one of"),
        ("facebook/musicgen-small", "a", 2, "`normalize.channels` is 2, and facebook/musicgen-small hears 1: set it"),
        ("facebook/musicgen-stereo-small", "a", 1, "`normalize.channels` is 1, and .* hears 2"),
    ],
)
def test_what_would_stop_a_later_stage_stops_the_run_at_once(
    model: str, revision: str, channels: int, message: str
) -> None:
    shape = planner.published(model)
    with pytest.raises(UserError, match=message):
        plan.check(BaseConfig(model, revision), shape, channels)
    plan.check(
        BaseConfig("facebook/musicgen-stereo-small", "a"), planner.published("facebook/musicgen-stereo-small"), 2
    )
    plan.check(BaseConfig("starter", ""), planner.model_of("starter", ROOT / "starter/kit/musicgen")[0], 1)


def test_a_stage_starts_from_the_base_or_from_one_before_it() -> None:
    loaded = plan.params.load("curriculum")["curriculum"]
    stages = {key: plan.params.build(StageConfig, section, key) for key, section in loaded.items()}
    plan.check_order(stages)
    with pytest.raises(UserError, match="`curriculum.hiphop-full.init` is 'joint': name base, or a stage that stands"):
        plan.check_order({**stages, "hiphop-full": replace(stages["hiphop-full"], init="joint")})


def test_the_table_names_every_stage_device_and_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "this_device", lambda precision: CARD)
    drawing = replace(CONFIG, steps=300_000, scheduled_sampling=0.2)
    lines = list(plan.table(small(), None, CONFIG, {"one": replace(CONFIG, steps=100_000), "two": drawing}))
    text = "\n".join(lines)
    for word in ("optimizer", "activations", "peak", "DGX Spark", "24 GB card", "80 GB card", "one ", "two "):
        assert word in text
    one_s, two_s = (
        n * planner.operations(small(), config) / 1e12 for n, config in ((100_000, CONFIG), (300_000, drawing))
    )
    for name, seconds in {"one": one_s, "two": two_s, CARD.name: one_s + two_s}.items():
        assert any(line.startswith(name) and line.endswith(plan.duration(seconds)) for line in lines)
    assert plan.duration(3660) == "1 h 01 min"


def test_the_base_is_found_without_the_network(tmp_path: Path) -> None:
    config, t5 = planner.model_of("starter", ROOT / "starter/kit/musicgen")
    assert config["transformer_lm"]["n_q"] == 4 and t5 is not None and t5.is_dir()
    decoder = {
        "num_codebooks": 8, "audio_channels": 2, "vocab_size": 128, "hidden_size": 64, "num_attention_heads": 4,
        "num_hidden_layers": 4, "ffn_dim": 256, "activation_function": "gelu",
    }  # fmt: skip
    whole = {
        "model_type": "musicgen",
        "decoder": decoder,
        "text_encoder": {},
        "audio_encoder": {"sampling_rate": 32000},
    }
    (tmp_path / "config.json").write_text(json.dumps(whole))
    found, t5 = planner.model_of(str(tmp_path), ROOT)
    assert found["transformer_lm"]["dim"] == 64 and t5 is None
    assert memory.predict(found, t5, CONFIG, False, 0).parameters > 0
    shutil.copy(ROOT / "starter/kit/musicgen" / base.LM_FILE, tmp_path / base.LM_FILE)
    found, _ = planner.model_of(str(tmp_path), ROOT)
    assert found == config, "of a folder in both formats the stage base takes audiocraft's"
    with pytest.raises(UserError, match="`base.model` must be a folder or one of starter, facebook/musicgen-small"):
        planner.model_of("nothing", ROOT)
