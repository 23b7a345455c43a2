"""Ctrl-C and a cluster's SIGTERM: finish the step, save, stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lowend.errors import UserError

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Stopped(UserError):
    """A stage was asked to stop, and saved its state before it did."""


class Listener:
    """What was heard so far; `heard` is empty until a signal comes."""

    def __init__(self) -> None:
        self.heard = ""

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal: note the first, die of the second."""
        if self.heard:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.heard = _NAMES[signal.Signals(number)]


@contextmanager
def listen() -> Iterator[Listener]:
    """Hold back the first SIGINT or SIGTERM for the block to ask about; a second one kills at once.

    Only the main thread can; elsewhere nothing is held back.
    """
    listener = Listener()
    if threading.current_thread() is not threading.main_thread():
        yield listener
        return
    before = {number: signal.signal(number, listener) for number in _NAMES}
    try:
        yield listener
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
