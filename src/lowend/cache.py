"""What outlives a stage: a per-track, content-addressed cache and folders to resume from.

DVC deletes a stage's outputs before it runs, so whatever a killed run should not lose lives below
`LOWEND_SCRATCH` (default `scratch/`), under a hash of everything that decides the result.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from lowend import shards
from lowend.shards import Member


def scratch(stage: str, *parts: object) -> Path:
    """A folder that belongs to one stage and one hash of `parts`; it is not created."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:24]
    return Path(os.environ.get("LOWEND_SCRATCH", "scratch")) / stage / digest


def code(*modules: ModuleType) -> str:
    """Hash of the modules' source, so that a cache does not outlive the code that filled it."""
    text = b"".join(Path(str(m.__file__)).read_bytes() for m in modules)
    return hashlib.sha256(text).hexdigest()


def digest(*parts: bytes) -> str:
    """Short hash of some bytes, to name what was made from them."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def files(*roots: Path) -> str:
    """Hash of the names and bytes of all files below `roots` (a file counts as itself)."""
    digest = hashlib.sha256()
    for root in roots:
        below = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        for path in below:
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def members(folder: Path, track_id: str, make: Callable[[], list[Member]]) -> list[Member]:
    """The members of one track, made once: a tar file below `folder`, written and then renamed."""
    home = folder / track_id
    if not home.exists():
        made = make()
        partial = folder / f"{track_id}.{os.getpid()}.tmp"
        shards.write(partial, [made])
        partial.replace(home)
        return made
    return list(shards.read(home))
