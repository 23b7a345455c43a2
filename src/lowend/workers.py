"""Threads, worker processes and progress: the only place that decides how parallel we are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

from lowend.errors import UserError

THREADS = 1
"""Compute threads of every process. Part of the result's last digits, hence a constant:
two OpenMP threads on two busy cores are also three times slower than one."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def set_threads() -> None:
    """Hold every numeric library of this process, and of its children, to `THREADS` threads."""
    for name in _POOLS:
        os.environ[name] = str(THREADS)
    from threadpoolctl import threadpool_limits

    threadpool_limits(THREADS)
    import torch

    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)


def worker_count() -> int:
    """Processes to use: `LOWEND_WORKERS`, or the cores that this process may run on.

    Raises:
        UserError: LOWEND_WORKERS is not a positive whole number.
    """
    asked = os.environ.get("LOWEND_WORKERS", "")
    if not asked:
        return len(os.sched_getaffinity(0))
    if not asked.isdigit() or int(asked) < 1:
        raise UserError(f"LOWEND_WORKERS must be a positive whole number, got {asked!r}")
    return int(asked)


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
    """A progress bar on stderr that is silent where stderr is no terminal and work is short."""
    return tqdm(items, desc=what, total=total, mininterval=2.0, delay=2.0)


def _threaded(work: Callable[[Item], Result], item: Item) -> Result:
    set_threads()
    return work(item)


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item], what: str) -> Iterable[Result]:
    """Yield `work(item)` in the order of `items`, computed by `worker_count()` processes.

    The order is the items' own, so that results do not depend on how many workers there are.
    """
    from joblib import Parallel, delayed

    workers = min(worker_count(), len(items))
    if workers <= 1:
        yield from map(work, progress(items, what))
        return
    pool = Parallel(n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")
    results = pool(delayed(_threaded)(work, item) for item in items)
    yield from progress(results, what, total=len(items))
