"""Errors that end a script with one sentence instead of a traceback."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path


class UserError(Exception):
    """Something the user can put right; the message says what, where and how."""


class Unusable(Exception):
    """A file or track that cannot be trained on; the message is the reason."""


def _inside_environment() -> bool:
    return sys.prefix != sys.base_prefix or bool(os.environ.get("LOWEND_ANY_PYTHON"))


def script(main: Callable[[], None]) -> None:
    """Run a stage script: log to stderr, and turn `UserError` into one sentence and exit code 1."""
    if not _inside_environment():
        sys.exit(
            f"{Path(sys.argv[0]).name}: this is {sys.executable}, not the project's environment. "
            "Run `source .venv/bin/activate` first (`make setup` creates it)."
        )
    from lowend.workers import set_threads

    set_threads()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        main()
    except UserError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
