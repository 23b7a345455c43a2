"""A killed stage continues to the same bytes, and training refuses what would train nonsense."""

from __future__ import annotations

import math
from pathlib import Path

import kit
import numpy as np
import pytest
import torch

from lowend import captions
from lowend.errors import UserError
from lowend.models import checkpoints, musicgen
from lowend.training import data, loop, resume

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 60
CONFIG = loop.TrainConfig(
    steps=6, batch_size=2, accumulate=2, segment_s=FRAMES / musicgen.FRAME_RATE, warmup=1, weight_decay=0.1,
    betas=(0.9, 0.95), clip_norm=1.0, ema=0.9, cfg_dropout=0.3, word_dropout=0.3, validate_every=2, patience=9, keep=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.unpack(tmp_path_factory.mktemp("models")) / "base"


def sampler(share: float = 0.0) -> data.Sampler:
    rng = np.random.default_rng(0)
    template = captions.load_template(ROOT / captions.TEMPLATE)
    text = captions.for_view("trap hip-hop at 140 BPM in F minor", "drums", template)
    rows = [data.Tokens(str(n), rng.integers(0, 512, (4, 100)).astype(np.int16), text) for n in range(5)]
    return data.Sampler(rows, rows, share, CONFIG.batch_size, FRAMES, CONFIG.cfg_dropout, CONFIG.word_dropout, "0/test")


class Killed(Exception):
    pass


def run(start: Path, scratch: Path, kill_at: int | None = None) -> tuple[loop.Result, list[dict[str, float]]]:
    log: list[dict[str, float]] = []

    def on_step(record: dict[str, float]) -> None:
        log.append(record)
        if record["step"] == kill_at:
            raise Killed

    def validate(lm: torch.nn.Module) -> float:
        return float(sum(p.detach().abs().sum() for p in lm.parameters()))

    return loop.train(musicgen.load(start), sampler(), CONFIG, 1e-3, validate, scratch, on_step), log


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("kill_at", [3, 5])
def test_killed_training_resumes_to_the_same_bytes(start: Path, tmp_path: Path, kill_at: int) -> None:
    whole, log = run(start, tmp_path / "whole")
    with pytest.raises(Killed):
        run(start, tmp_path / "killed", kill_at)
    resumed_from = resume.load(tmp_path / "killed")
    assert resumed_from is not None and resumed_from["step"] == (kill_at - 1) // 2 * 2
    again, full_log = run(start, tmp_path / "killed")
    assert same(whole.raw, again.raw) and same(whole.ema, again.ema)
    assert full_log == log and whole.best_step == again.best_step


def test_only_the_newest_states_are_kept(start: Path, tmp_path: Path) -> None:
    run(start, tmp_path)
    assert [p.name for p in sorted(tmp_path.glob("*"))] == ["000000004.pt", "000000006.pt"]


def test_training_moves_weights_and_the_average_lags_behind(start: Path, tmp_path: Path) -> None:
    before = checkpoints.read_state(start)
    result, _ = run(start, tmp_path)
    moved = {k: (result.raw[k] - before[k]).abs().max() for k in before}
    assert max(moved.values()) > 0 and result.ema.keys() == before.keys()
    assert not same(result.raw, result.ema)


def test_the_text_encoder_stays_as_it_is(start: Path) -> None:
    assert not any(".t5." in name for name in checkpoints.read_state(start))


def test_a_loss_that_is_not_finite_names_the_tracks(start: Path, tmp_path: Path) -> None:
    lm = musicgen.load(start)
    with torch.no_grad():
        next(iter(lm.linears)).weight.fill_(math.nan)
    with pytest.raises(UserError, match=r"loss of step 1 is nan.*tracks [0-4]"):
        loop.train(lm, sampler(), CONFIG, 1e-3, lambda _: 0.0, tmp_path, lambda _: None)


def test_early_stopping_keeps_the_best(start: Path, tmp_path: Path) -> None:
    scores = iter([1.0, 2.0, 3.0])
    config = loop.TrainConfig(**{**{f: getattr(CONFIG, f) for f in CONFIG.__slots__}, "patience": 2})
    result = loop.train(
        musicgen.load(start), sampler(), config, 1e-3, lambda _: next(scores), tmp_path, lambda _: None
    )  # fmt: skip
    assert (result.best_step, result.last_step) == (2, 6)
