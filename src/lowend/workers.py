"""Threads, worker processes and progress: the only place that decides how parallel we are."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from lowend.errors import UserError

THREADS = 1
"""Compute threads of every process. Part of the result's last digits, hence a constant:
two OpenMP threads on two busy cores are also three times slower than one."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_GROWTH = 4 * 1024**3  # bytes by which a worker may grow before it is replaced
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def set_threads() -> None:
    """Hold every numeric library of this process, and of its children, to `THREADS` threads.

    Torch, where it is imported before; a worker whose work needs none is spared its two seconds.
    """
    for name in _POOLS:
        os.environ[name] = str(THREADS)
    from threadpoolctl import threadpool_limits

    threadpool_limits(THREADS)
    if torch := sys.modules.get("torch"):
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


class WorkerLost(Exception):
    """A worker process died (killed, or out of memory); what others had finished is in the cache."""


def _threaded(where: str, work: Callable[[Item], Result], item: Item) -> Result:
    os.chdir(where)  # a Ray worker starts elsewhere
    set_threads()
    return work(item)


def _kept(work: Callable[[Item], Result], item: Item) -> Result:
    """`work(item)` in a worker that may grow: loky takes the loading of a model for a leak and starts another."""
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = _GROWTH
    return work(item)


def parallel_map(
    work: Callable[[Item], Result], items: Sequence[Item], what: str, isolated: bool = False
) -> Iterable[Result]:
    """Yield `work(item)` in the order of `items`, computed by `worker_count()` processes or by a Ray cluster.

    The order is the items' own, so that results do not depend on how many workers there are. One worker
    is this process, unless `isolated` asks for another, whose death this one survives.

    Raises:
        UserError: LOWEND_BACKEND names no backend, or there is no cluster.
        WorkerLost: a worker process died.
    """
    backend = os.environ.get("LOWEND_BACKEND", "processes")
    if backend not in ("processes", "ray"):
        raise UserError(f"LOWEND_BACKEND must be processes or ray, got {backend!r}")
    workers = min(worker_count(), len(items))
    if not items:
        return
    if backend == "ray":
        results = _cluster_map(partial(_threaded, str(Path.cwd()), work), items)
    elif workers == 1 and not isolated:
        results = map(work, items)
    else:
        threaded = partial(_threaded, str(Path.cwd()), work)
        results = _process_map(partial(_kept, threaded), items, max(2, workers))
    yield from progress(results, what, total=len(items))


def thread_map(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`work` of all items, in their order, by `worker_count()` threads: for work that numpy or torch does."""
    with ThreadPoolExecutor(worker_count()) as pool:
        return list(pool.map(work, items))


def _process_map(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pool = Parallel(n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")
    try:
        yield from pool(delayed(work)(item) for item in items)
    except BrokenProcessPool as error:
        raise WorkerLost(str(error).splitlines()[0]) from error


def _cluster_map(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """As `_process_map`, on the Ray cluster at LOWEND_RAY_ADDRESS, with a worker for each of its cores."""
    from joblib import Parallel, delayed, parallel_config

    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise UserError("LOWEND_BACKEND=ray needs Ray: `pip install ray`, on every machine of the cluster") from None
    address = os.environ.get("LOWEND_RAY_ADDRESS", "auto")
    try:
        ray.init(address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        raise UserError(
            f"no Ray cluster at LOWEND_RAY_ADDRESS={address} ({str(error).splitlines()[0]}): "
            "start one with `ray start --head`, or unset LOWEND_BACKEND"
        ) from None
    register_ray()
    cores = int(ray.cluster_resources()["CPU"])
    try:
        # A list at a time, because this backend of joblib has no generators.
        with parallel_config("ray", n_jobs=cores), Parallel(batch_size=1) as pool:
            for start in range(0, len(items), 8 * cores):
                yield from pool(delayed(work)(item) for item in items[start : start + 8 * cores])
    except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError) as error:
        raise WorkerLost(str(error).splitlines()[0]) from error
