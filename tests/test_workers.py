"""Workers change how fast, never what: order, threads, and a wrong setting."""

from __future__ import annotations

import os

import pytest
import torch

from lowend import workers
from lowend.errors import UserError


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
