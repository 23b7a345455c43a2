"""A stage's loop: a kill, a stop and a bad batch cost nothing; precision, accumulation and methods do what they say."""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mini
import numpy as np
import pytest
import torch

from lowend.errors import UserError
from lowend.models import checkpoints, musicgen
from lowend.models.musicgen import MusicGen
from lowend.training import data, interrupt, loop, resume

ROOT = Path(__file__).resolve().parents[2]
Record = dict[str, float]


class Killed(Exception):
    pass


def run(
    scratch: Path, on_step: Callable[[Record], None] = lambda _: None, lm: MusicGen | None = None, **change: Any
) -> tuple[loop.Result, list[Record]]:
    log: list[Record] = []

    def both(record: Record) -> None:
        log.append(record)
        on_step(record)

    drop = {"cfg_dropout": 0.3, "word_dropout": 0.3}
    config = mini.config(**drop | change)
    sampler = mini.sampler(batches=6, **drop)
    return loop.train(mini.DRAWING, lm or mini.lm(), sampler, config, 1e-2, mini.spread, scratch, both), log


def kill_at(step: int) -> Callable[[Record], None]:
    def on_step(record: Record) -> None:
        if record["step"] == step:
            raise Killed

    return on_step


@pytest.mark.parametrize(
    ("step", "change"),
    [
        (3, {}), (5, {"accumulate": 2, "schedule": "constant"}), (3, {"precision": "bf16"}), (3, {"method": "lora"}),
        (5, {"method": "dora", "freeze": 1}),
    ],
)  # fmt: skip
def test_killed_training_resumes_to_the_same_bytes(tmp_path: Path, step: int, change: dict[str, Any]) -> None:
    whole, log = run(tmp_path / "whole", **change)
    with pytest.raises(Killed):
        run(tmp_path / "killed", kill_at(step), **change)
    resumed_from = resume.load(tmp_path / "killed")
    assert resumed_from is not None and resumed_from["step"] == (step - 1) // 2 * 2
    again, full_log = run(tmp_path / "killed", **change)
    assert mini.same(whole.raw, again.raw) and mini.same(whole.ema, again.ema)
    assert full_log == log and whole.best_step == again.best_step


CHILD = """
import os, signal, sys
from pathlib import Path
import torch
sys.path[:0] = sys.argv[2:]
import mini
from lowend.training import loop

write = torch.save

def killed_while_writing(state, file):
    write(state, file)
    if state["step"] == 4:
        file.truncate(file.tell() // 2)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

torch.save = killed_while_writing
torch.set_num_threads(1)
torch.set_flush_denormal(True)
config, sampler = (make(cfg_dropout=0.3, word_dropout=0.3) for make in (mini.config, mini.sampler))
loop.train(mini.DRAWING, mini.lm(), sampler, config, 1e-2, mini.spread, Path(sys.argv[1]), lambda _: None)
"""


def test_sigkill_while_a_checkpoint_is_written_changes_no_byte(tmp_path: Path) -> None:
    whole, scratch = tmp_path / "whole", tmp_path / "killed"
    paths = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests/training")]
    found = subprocess.run([sys.executable, "-c", CHILD, str(scratch), *paths], capture_output=True, text=True)
    assert found.returncode == -signal.SIGKILL, found.stderr
    assert [p.name for p in sorted(scratch.glob("*"))] == ["000000002.pt", "partial.tmp"]
    for folder in (whole, scratch):
        result, _ = run(folder)
        checkpoints.write(folder / "out", result.raw, {}, {}, ema=result.ema)
    for name in ("model.safetensors", "ema.safetensors"):
        assert (scratch / "out" / name).read_bytes() == (whole / "out" / name).read_bytes()


def test_only_the_newest_states_are_kept(tmp_path: Path) -> None:
    run(tmp_path)
    assert [p.name for p in sorted(tmp_path.glob("*"))] == ["000000004.pt", "000000006.pt"]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_saves_the_step_and_a_rerun_goes_on(tmp_path: Path, number: signal.Signals, name: str) -> None:
    whole, log = run(tmp_path / "whole")

    def stop(record: Record) -> None:
        if record["step"] == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(UserError, match=f"stopped by {name} after step 3 of 6, .* run the same command again"):
        run(tmp_path / "stopped", stop)
    assert signal.getsignal(number) is before
    state = resume.load(tmp_path / "stopped")
    assert state is not None and state["step"] == 3, "the step that was running is not lost"
    again, full_log = run(tmp_path / "stopped")
    assert mini.same(whole.raw, again.raw) and mini.same(whole.ema, again.ema) and full_log == log


def test_a_second_ctrl_c_does_not_wait() -> None:
    code = "import os,signal,time\nfrom lowend.training import interrupt\nwith interrupt.listen():\n"
    code += "    for _ in range(2): os.kill(os.getpid(), signal.SIGINT)\n    print('alive')\n"
    found = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert found.returncode == -signal.SIGINT


def poisoned(lm: MusicGen, monkeypatch: pytest.MonkeyPatch, *tracks: str, where: str = "loss") -> None:
    """Make batches that hold one of the tracks give a loss, or a gradient, that is no number."""
    bad = [row.codes for row in mini.rows() if row.track_id in tracks]
    honest = musicgen.cross_entropy

    def spoilt(lm: MusicGen, codes: torch.Tensor, *given: Any) -> torch.Tensor:
        found = honest(lm, codes, *given)
        starts = {c[:, s : s + mini.FRAMES].tobytes() for c in bad for s in range(17)}
        if any(row.short().numpy().tobytes() in starts for row in codes):
            return found * math.nan if where == "loss" else found + (lm.emb[0].weight.sum() * 0).sqrt()
        return found

    monkeypatch.setattr(musicgen, "cross_entropy", spoilt)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_batch_that_is_not_finite_changes_nothing_and_the_next_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    lm, sampler = mini.lm(), mini.sampler()
    bad = [n for n in range(8) if "track1" in sampler.at(n).track_ids]
    good = [n for n in range(16) if n not in bad][:6]

    class Without(data.Sampler):
        def at(self, index: int) -> data.Batch:
            return sampler.at(good[index])

    expected = loop.train(
        mini.FAMILY, mini.lm(), Without(*[getattr(sampler, f) for f in data.Sampler.__slots__]), mini.config(), 1e-2,
        mini.spread, tmp_path / "a", lambda _: None,
    )  # fmt: skip
    poisoned(lm, monkeypatch, "track1", where=where)
    with caplog.at_level(logging.WARNING):
        found = loop.train(mini.FAMILY, lm, sampler, mini.config(), 1e-2, mini.spread, tmp_path / "b", lambda _: None)
    assert found.skipped == [n for n in bad if n < good[-1]] and found.skipped
    assert mini.same(found.raw, expected.raw) and mini.same(found.ema, expected.ema)
    assert f"of step {bad[0] + 1} is" in caplog.text and "track1" in caplog.text and "going on" in caplog.text


def test_too_many_bad_batches_stop_the_stage_and_name_the_tracks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(mini.lm(), monkeypatch, *(f"track{n}" for n in range(6)))
    with pytest.raises(
        UserError, match=r"the loss of step 1 is nan, and train.skips allows 2 .* tracks track\d, track\d"
    ):
        run(tmp_path, skips=2)


def test_a_diverged_model_stops_the_stage(tmp_path: Path) -> None:
    lm = mini.lm()
    with torch.no_grad():
        next(iter(lm.linears)).weight.fill_(math.nan)
    with pytest.raises(UserError, match=r"loss of step 1 is nan.*lower lr, or look at the tracks"):
        run(tmp_path, lm=lm)


def test_accumulation_keeps_every_gradient(tmp_path: Path) -> None:
    """PEERS 1.4: gradients zeroed in every micro-batch, and a loss of the first item alone."""
    rows = [replace(row, texts=mini.TEXTS[:1]) for row in mini.rows()]
    four = mini.sampler(rows, batch_size=4)
    two = mini.sampler(rows, batch_size=2)

    class Halves(data.Sampler):
        def at(self, index: int) -> data.Batch:
            batch, half = four.at(index // 2), slice(0, 2) if index % 2 == 0 else slice(2, 4)
            return replace(
                batch, codes=batch.codes[half], texts=batch.texts[half], track_ids=batch.track_ids[half],
                lengths=batch.lengths[half],
            )  # fmt: skip

    halves = Halves(*[getattr(two, f) for f in data.Sampler.__slots__])
    config = mini.config(steps=2, batch_size=4)
    whole = loop.train(mini.FAMILY, mini.lm(), four, config, 1e-2, mini.spread, tmp_path / "a", lambda _: None)
    split = replace(config, batch_size=2, accumulate=2)
    parts = loop.train(mini.FAMILY, mini.lm(), halves, split, 1e-2, mini.spread, tmp_path / "b", lambda _: None)
    for key in ("train_ce", "grad_norm", "train_ce_k3"):
        assert parts.history[0][key] == pytest.approx(whole.history[0][key], abs=1e-5)
    for name, value in whole.raw.items():
        torch.testing.assert_close(parts.raw[name], value, rtol=0, atol=1e-3)


def test_the_average_is_what_is_evaluated(tmp_path: Path) -> None:
    """PEERS 1.1: validation of the raw weights says nothing of the averaged ones that are kept."""
    scored: list[dict[str, torch.Tensor]] = []

    def validate(lm: MusicGen) -> float:
        scored.append({k: v.clone() for k, v in lm.state_dict().items()})
        return -float(len(scored))

    result = loop.train(mini.FAMILY, mini.lm(), mini.sampler(), mini.config(), 1e-2, validate, tmp_path, lambda _: None)
    assert mini.same(scored[-1], result.ema) and not mini.same(result.raw, result.ema)
    by_hand = {k: v.clone() for k, v in mini.lm().state_dict().items()}
    states: list[dict[str, torch.Tensor]] = []
    model = mini.lm()
    loop.train(
        mini.FAMILY, model, mini.sampler(), mini.config(), 1e-2, mini.spread, tmp_path / "b",
        lambda _: states.append({k: v.clone() for k, v in model.state_dict().items()}),
    )  # fmt: skip
    for n, state in enumerate(states, 1):
        decay = min(0.9, (1 + n) / (10 + n))
        by_hand = {k: decay * v + (1 - decay) * state[k] for k, v in by_hand.items()}
    for name, value in by_hand.items():
        torch.testing.assert_close(result.ema[name], value, rtol=0, atol=1e-6)


def test_bf16_keeps_master_weights_and_follows_fp32(tmp_path: Path) -> None:
    exact, log = run(tmp_path / "a", steps=40, validate_every=40)
    half, half_log = run(tmp_path / "b", steps=40, validate_every=40, precision="bf16")
    assert {v.dtype for v in half.raw.values()} == {torch.float32} and not mini.same(exact.raw, half.raw)
    assert log[-1]["train_ce"] < log[0]["train_ce"] - 0.1
    for a, b in zip(log, half_log, strict=True):
        assert b["train_ce"] == pytest.approx(a["train_ce"], abs=1e-2)


def test_checkpointing_changes_no_bit(tmp_path: Path) -> None:
    plain, log = run(tmp_path / "a")
    lm = mini.lm()
    light, light_log = run(tmp_path / "b", lm=lm, checkpointing=True)
    assert mini.same(plain.raw, light.raw) and log == light_log
    assert not lm.transformer.checkpointing


def test_early_stopping_keeps_the_best(tmp_path: Path) -> None:
    scores = iter([1.0, 2.0, 3.0])
    result = loop.train(
        mini.FAMILY,
        mini.lm(),
        mini.sampler(),
        mini.config(patience=2),
        1e-2,
        lambda _: next(scores),
        tmp_path,
        lambda _: None,
    )
    assert (result.best_step, result.last_step) == (2, 6)


def test_band_weights_reach_the_training_and_ones_do_not(tmp_path: Path) -> None:
    rows = mini.rows()
    plain, _ = run(tmp_path / "plain")
    for weights, equal in (((1.0, 1.0, 1.0), True), ((2.0, 1.0, 0.5), False)):
        sampler = mini.sampler(rows, cfg_dropout=0.3, word_dropout=0.3, weighing=data.weighing(rows, weights))
        made = loop.train(
            mini.DRAWING, mini.lm(), sampler, mini.config(), 1e-2, mini.spread, tmp_path / str(weights), lambda _: None
        )
        worst = max(float((made.raw[k] - plain.raw[k]).abs().max()) for k in plain.raw)
        assert (worst < 1e-4) == equal


def test_codebook_weights_say_what_counts_and_equal_ones_are_the_plain_loss(tmp_path: Path) -> None:
    plain, _ = run(tmp_path / "plain")
    equal, _ = run(tmp_path / "equal", codebook_weights=(2.0, 2.0, 2.0, 2.0))
    assert mini.same(plain.raw, equal.raw)
    first, log = run(tmp_path / "first", codebook_weights=(1.0, 0.0, 0.0, 0.0), weight_decay=0.0)
    start = mini.lm().state_dict()
    heads = {name: torch.equal(first.raw[name], start[name]) for name in start if name.startswith("linears.")}
    assert [heads[f"linears.{k}.weight"] for k in range(4)] == [False, True, True, True]
    assert log[0]["train_ce"] == pytest.approx(np.mean([log[0][f"train_ce_k{k}"] for k in range(4)]), rel=1e-6)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (1.0,) * 8])
def test_codebook_weights_of_another_model_are_refused(tmp_path: Path, weights: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match=r"`train.codebook_weights` holds \d weights, .* 4 parts \(k0, k1, k2, k3\)"):
        run(tmp_path, codebook_weights=weights)


def test_the_text_encoder_stays_as_it_is() -> None:
    assert not any(".t5." in name for name in checkpoints.read_state(mini.base()))


def test_listening_in_a_thread_holds_nothing_back() -> None:
    import threading

    heard: list[str] = []

    def work() -> None:
        with interrupt.listen() as listener:
            heard.append(listener.heard)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [""]
