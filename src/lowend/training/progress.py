"""How fast a stage trains: for the console, and never for metrics, which must not depend on the clock."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable


class Pace:
    """Speed and time left, from the median of the last steps: a slow start or a validation moves neither."""

    def __init__(self, steps: int, tokens_per_step: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._tokens, self._clock = steps, tokens_per_step, clock
        self._last = clock()
        self._seconds: deque[float] = deque(maxlen=21)

    def line(self, step: int) -> str:
        """What to say after a step: `1,234 tokens/s, 0:12:34 left`."""
        now = self._clock()
        self._seconds.append(now - self._last)
        self._last = now
        typical = max(statistics.median(self._seconds), 1e-9)
        minutes, seconds = divmod(round((self._steps - step) * typical), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{self._tokens / typical:,.0f} tokens/s, {hours}:{minutes:02d}:{seconds:02d} left"


def every(total: int, rows: int = 500) -> int:
    """Of `total` records, each how-manieth a curve keeps to have `rows` at most."""
    return -(-total // rows)
