"""One module per kind of source, each with `fetch(settings, path, out, seed) -> Fetched`.

A kind writes audio files into `out/audio/` (and true stems, where it has them, as shards into
`out/truth/`) and returns the track table and what it set aside. Settings are the source's own
section of params.yaml.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowend.errors import UserError
from lowend.tracks import Rejected, Track

KINDS = ("synth", "folder")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source holds, and what was set aside with the reason."""

    tracks: list[Track]
    rejected: list[Rejected]


Fetch = Callable[[Mapping[str, Any], Path, Path, int], Fetched]


def fetcher(kind: str) -> Fetch:
    """The `fetch` of a kind of source.

    Raises:
        UserError: the kind is not one of `KINDS`.
    """
    if kind not in KINDS:
        raise UserError(f"params.yaml: a source's `kind` must be one of {', '.join(KINDS)}, got {kind!r}")
    fetch: Fetch = importlib.import_module(f"lowend.sources.{kind}").fetch
    return fetch
