"""Workers change how fast, never what: order, threads, a cluster, and a wrong setting."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from lowend import cache, shards, workers
from lowend.audio.io import flac_bytes, resample
from lowend.errors import UserError
from lowend.seeds import rng


def square(n: int) -> int:
    return n * n


def fail(n: int) -> int:
    if n == 2:
        raise ValueError("track 2 is broken")
    return n


def threads(_: int) -> tuple[int, str, int]:
    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], os.getpid()


@pytest.mark.parametrize("count", ["1", "2"])
def test_results_come_in_the_order_of_items(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", count)
    assert list(workers.parallel_map(square, list(range(9)), "x")) == [n * n for n in range(9)]
    assert list(workers.parallel_map(square, [], "x")) == []
    with pytest.raises(ValueError, match="track 2 is broken"):
        list(workers.parallel_map(fail, [1, 2, 3], "x"))


def test_a_worker_computes_with_one_thread_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "2")
    found = list(workers.parallel_map(threads, [0, 1], "x"))
    assert {f[:2] for f in found} == {(1, "1")} and os.getpid() not in {f[2] for f in found}
    assert torch.get_num_threads() == 1


def test_the_environment_decides_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", "7")
    assert workers.worker_count() == 7
    for unset in ("", None):
        monkeypatch.setenv("LOWEND_WORKERS", "") if unset == "" else monkeypatch.delenv("LOWEND_WORKERS")
        assert workers.worker_count() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5", " "])
def test_a_wrong_number_of_workers_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("LOWEND_WORKERS", asked)
    with pytest.raises(UserError, match=f"LOWEND_WORKERS must be a positive whole number, got '{asked}'"):
        workers.worker_count()


@dataclass(frozen=True)
class Job:
    id: str
    home: Path


def render(job: Job) -> list[shards.Member]:
    """Some audio work; track "3" kills its worker once."""
    marker = job.home.with_suffix(".killed")
    if job.id == "3" and not marker.exists():
        job.home.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    wav = rng("render", job.id).uniform(-0.5, 0.5, (2, 8000)).astype(np.float32)
    flac = shards.Member(job.id, "mix.flac", flac_bytes(resample(wav, 44100, 32000), 32000))
    return [flac, shards.note(job.id, {"threads": torch.get_num_threads()}, [flac])]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Ray cluster of two cores on this machine's loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--num-cpus=2"]
    command += ["--node-ip-address=127.0.0.1", f"--port={address.split(':')[1]}", "--include-dashboard=false"]
    # Ray's sockets lie in its folder, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="ray") as folder, (tmp_path / "ray.log").open("w") as log:
        command += ["--disable-usage-stats", f"--temp-dir={folder}"]
        head = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while "Ray runtime started" not in (tmp_path / "ray.log").read_text():
            assert head.poll() is None, (tmp_path / "ray.log").read_text()
            time.sleep(0.2)
        yield address
        head.terminate()
        head.wait(30)


def test_a_cluster_makes_the_same_bytes_though_a_worker_dies(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    made = {}
    for backend in ("processes", "ray"):
        monkeypatch.setenv("LOWEND_BACKEND", backend)
        monkeypatch.setenv("LOWEND_RAY_ADDRESS", cluster)
        monkeypatch.setenv("LOWEND_WORKERS", "2")
        kept = cache.compute(render, [Job(str(n), tmp_path / backend / f"{n}.tar") for n in range(5)], "x")
        shards.merge(tmp_path / f"{backend}-shards", ((k.id, k.home) for k in kept))
        made[backend] = {p.name: p.read_bytes() for p in (tmp_path / f"{backend}-shards").iterdir()}
        assert (tmp_path / backend / "3.killed").exists() and {k.note["threads"] for k in kept} == {1}
    ray.shutdown()
    assert made["ray"] == made["processes"] and made["ray"]


def test_a_wrong_backend_or_no_cluster_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_BACKEND", "slurm")
    with pytest.raises(UserError, match="LOWEND_BACKEND must be processes or ray, got 'slurm'"):
        list(workers.parallel_map(square, [1], "x"))
    monkeypatch.setenv("LOWEND_BACKEND", "ray")
    monkeypatch.setenv("LOWEND_RAY_ADDRESS", "auto")
    monkeypatch.setenv("RAY_TMPDIR", "/nonexistent")
    with pytest.raises(UserError, match=r"no Ray cluster at LOWEND_RAY_ADDRESS=auto .*`ray start --head`"):
        list(workers.parallel_map(square, [1], "x"))
