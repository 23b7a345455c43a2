"""Memory that a step frees is kept for the next: without that, a CPU spends a third of a step on page faults."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory() -> bool:
    """Let this process's allocator hold what is freed; false where the C library is not glibc.

    Gradients are as large as the weights and are allocated anew each step. glibc returns them to the
    kernel in between, which then hands them out page by page, each filled with zeros.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
