"""How fast a stage trains: for the console, and never for metrics, which must not depend on the clock."""

from __future__ import annotations

import resource
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping

import torch


class Pace:
    """Speed and time left, from the median of the last steps: a slow start or a validation moves neither."""

    def __init__(self, steps: int, tokens_per_step: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._tokens, self._clock = steps, tokens_per_step, clock
        self._last = clock()
        self._seconds: deque[float] = deque(maxlen=21)

    def figures(self, step: int) -> dict[str, float]:
        """After a step: tokens a second and seconds left."""
        now = self._clock()
        self._seconds.append(now - self._last)
        self._last = now
        typical = max(statistics.median(self._seconds), 1e-9)
        return {"tokens_per_s": self._tokens / typical, "left_s": (self._steps - step) * typical}


def line(figures: Mapping[str, float]) -> str:
    """What the console says of them: `1,234 tokens/s, 0:12:34 left`."""
    minutes, seconds = divmod(round(figures["left_s"]), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{figures['tokens_per_s']:,.0f} tokens/s, {hours}:{minutes:02d}:{seconds:02d} left"


def memory_gb() -> float:
    """The most that this process has held so far, in GB (2^30): of the GPU's memory where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30


def every(total: int, rows: int = 500) -> int:
    """Of `total` records, each how-manieth a curve keeps to have `rows` at most."""
    return -(-total // rows)
