"""Two processes that hold half a model each train the stage that one trains, and stop and go on with any number."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mini
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from lowend.errors import UserError
from lowend.metrics import cross_entropy
from lowend.models.musicgen import MusicGen
from lowend.training import data, interrupt, loop, optimizers, resume, sharding, team
from lowend.training.data import Batch
from lowend.training.musicgen_family import MusicGenFamily

ROOT = Path(__file__).resolve().parents[2]
RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weighted": {},
    "poisoned": {"skips": 9},
    "narrow": {"precision": "bf16", "checkpointing": True, "freeze": 1},
    "lora": {"method": "lora", "freeze": 1},
    "dora": {"method": "dora", "checkpointing": True},
}
STOPPED = ("plain", "dora")  # also stopped and gone on with
Record = dict[str, float]


class Poisoned(MusicGenFamily):
    """A batch with one of the tracks has a loss that is no number."""

    def losses(
        self, lm: MusicGen, batch: Batch, weights: Tensor | None, precision: str, generator: torch.Generator
    ) -> Tensor:
        found = super().losses(lm, batch, weights, precision, generator)
        return found * math.nan if "track1" in batch.track_ids else found


def count(tensors: Iterable[Tensor]) -> int:
    """Numbers that these keep in this process's memory."""
    local = [t.to_local() if isinstance(t, DTensor) else t for t in tensors]
    return sum(t.untyped_storage().nbytes() // t.element_size() for t in local)


def trained(
    name: str, scratch: Path, crew: team.Team = team.ALONE, on_step: Callable[[Record], None] = lambda _: None
) -> tuple[loop.Result, int]:
    """Train a run of `RUNS`; with what this process holds at the end, in numbers: weights, averages and moments."""
    rows = mini.rows()
    weighing = data.weighing(rows, (2.0, 1.0, 0.5)) if name == "weighted" else None
    drop = {"cfg_dropout": 0.3, "word_dropout": 0.3}
    sampler = mini.sampler(rows, weighing=weighing, **drop)
    config = mini.config(**{"steps": 4, "accumulate": 2, **drop, **RUNS[name]})
    lm, averages, built, held = mini.lm(), [], [], {}

    def validate(averaged: MusicGen) -> float:
        averages[:], held["weights"] = [averaged], count(sharding.held(lm).values())
        return cross_entropy.total(cross_entropy.by_track(averaged, data.windows(rows[:2], mini.FRAMES), 2))

    with pytest.MonkeyPatch.context() as patched:
        made = optimizers.build
        patched.setattr(optimizers, "build", lambda *args: built.append(made(*args)) or built[-1])
        family = Poisoned() if name == "poisoned" else mini.FAMILY
        result = loop.train(family, lm, sampler, config, 1e-2, validate, scratch, on_step, crew)
    moments = [value for state in built[0].state.values() for value in state.values() if value.ndim]
    return result, held["weights"] + count(sharding.held(averages[0]).values()) + count(moments)


def stop(record: Record) -> None:
    if record["step"] == 3:
        os.kill(os.getpid(), signal.SIGTERM)


def halted(name: str, scratch: Path, crew: team.Team = team.ALONE) -> None:
    """Train until the third step of four, at which the last process gets a signal."""
    with pytest.raises(interrupt.Stopped):
        trained(name, scratch, crew, stop if crew.rank == crew.size - 1 else lambda _: None)
    crew.wait()


def work(out: Path) -> None:
    """What each of the processes does."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    crew = team.join(2)
    told: dict[str, Any] = {}

    def tell(name: str, result: loop.Result, held: int) -> None:
        told[name] = {"history": result.history, "held": held, "skipped": result.skipped}
        if crew.leads:
            for kind, state in (("raw", result.raw), ("ema", result.ema)):
                save_file(state, out / f"{name}-{kind}.safetensors")

    for name in RUNS:
        tell(name, *trained(name, out / name, crew))
    for name in STOPPED:
        halted(name, out / f"halted-{name}", crew)
        if crew.leads:
            shutil.copytree(out / f"halted-{name}", out / f"kept-{name}")
        crew.wait()
        tell(f"again-{name}", *trained(name, out / f"halted-{name}", crew))
        tell(f"joined-{name}", *trained(name, out / f"alone-{name}", crew))
    (out / f"{crew.rank}.json").write_text(json.dumps(told))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[loop.Result, int]]:
    """The runs by one process."""
    return {name: trained(name, tmp_path_factory.mktemp("alone") / name) for name in RUNS}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What two processes wrote and told."""
    out = tmp_path_factory.mktemp("both")
    for name in STOPPED:
        halted(name, out / f"alone-{name}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    paths = os.pathsep.join(str(ROOT / part) for part in ("src", "tests", "tests/training"))
    names = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOWEND_SHARD": "1"}
    crew = [
        subprocess.Popen(
            [sys.executable, __file__, str(out)],
            env={**os.environ, **names, "RANK": str(rank), "PYTHONPATH": paths},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=500)[1] for process in crew]
    assert [process.returncode for process in crew] == [0, 0], said
    return out, [json.loads((out / f"{rank}.json").read_text()) for rank in range(2)]


def agree(made: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert made.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(made[key], value, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", RUNS)
def test_two_halves_train_what_one_process_trains(name: str, alone: Any, both: Any) -> None:
    (one, _), (out, told) = alone[name], both
    for found in told:
        assert found[name]["skipped"] == one.skipped and bool(one.skipped) == (name == "poisoned")
        for a, b in zip(found[name]["history"], one.history, strict=True):
            assert a == pytest.approx(b, abs=1e-6)
    agree(load_file(out / f"{name}-raw.safetensors"), one.raw)
    agree(load_file(out / f"{name}-ema.safetensors"), one.ema)


@pytest.mark.parametrize("name", RUNS)
def test_each_process_holds_about_half(name: str, alone: Any, both: Any) -> None:
    (_, whole), (_, told) = alone[name], both
    runs = [name] if name not in STOPPED else [name, f"again-{name}", f"joined-{name}"]
    for held in (found[run]["held"] for found in told for run in runs):
        assert held == pytest.approx(whole / 2, rel=0.05)


@pytest.mark.parametrize("name", STOPPED)
def test_a_stopped_training_goes_on_with_any_number_of_processes(name: str, alone: Any, both: Any) -> None:
    (one, _), (out, told) = alone[name], both
    state = resume.load(out / f"kept-{name}")
    assert state is not None and state["step"] == 3
    later, _ = trained(name, out / f"kept-{name}")
    agree(later.raw, one.raw)
    agree(later.ema, one.ema)
    for kind in ("again", "joined"):
        agree(load_file(out / f"{kind}-{name}-raw.safetensors"), one.raw)
        agree(load_file(out / f"{kind}-{name}-ema.safetensors"), one.ema)
        assert told[0][f"{kind}-{name}"]["history"][2:] == [pytest.approx(r, abs=1e-6) for r in one.history[2:]]


def test_passes_that_leave_a_process_idle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOWEND_SHARD", "1")
    with pytest.raises(UserError, match="train.accumulate 3: make accumulate a multiple of 2, start another number"):
        team.join(3)
    monkeypatch.delenv("WORLD_SIZE")
    assert team.join(3) is team.ALONE, "alone, there is nobody to share with"


if __name__ == "__main__":
    work(Path(sys.argv[1]))
