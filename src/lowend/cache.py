"""What outlives a stage: a per-track, content-addressed cache and folders to resume from.

DVC deletes a stage's outputs before it runs, so whatever a killed run should not lose lives below
`LOWEND_SCRATCH` (default `scratch/`), under a hash of everything that decides the result. A track is
one tar file, written and then renamed, so that a kill costs the tracks in flight and no others.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from lowend import shards
from lowend.errors import Unusable, UserError
from lowend.shards import Member
from lowend.workers import WorkerLost, parallel_map

REJECTED = "rejected.txt"
"""The member that stands for a track that was set aside; it holds the reason."""

ATTEMPTS = 3
_SUSPECTS = 16  # first of the missing jobs: any of them may have been at work when a worker died
Made = list[Member] | Unusable


class Job(Protocol):
    """One track's work: what it is called, and where the cache keeps what comes out."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def home(self) -> Path: ...  # noqa: D102


AnyJob = TypeVar("AnyJob", bound=Job)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the cache holds of one track."""

    id: str
    home: Path  # the tar file

    def read(self, name: str) -> bytes | None:
        """The bytes of one member, None where there is none of this name."""
        return shards.read_tar(self.home, self.id, name).get(name)

    @property
    def note(self) -> dict[str, Any]:
        """The track's `json` member."""
        data = self.read("json")
        assert data is not None, f"{self.home} holds no json"
        note: dict[str, Any] = json.loads(data)
        return note

    @property
    def reason(self) -> str | None:
        """Why the track was set aside, None where it is usable."""
        data = self.read(REJECTED)
        return None if data is None else data.decode()


def root() -> Path:
    """The folder that may be deleted at any time."""
    return Path(os.environ.get("LOWEND_SCRATCH", "scratch"))


def scratch(stage: str, *parts: object) -> Path:
    """A folder that belongs to one stage and one hash of `parts`; it is not created."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:24]
    return root() / stage / digest


def code(*modules: ModuleType) -> str:
    """Hash of the modules' source, so that a cache does not outlive the code that filled it."""
    text = b"".join(Path(str(m.__file__)).read_bytes() for m in modules)
    return hashlib.sha256(text).hexdigest()


def files(*roots: Path) -> str:
    """Hash of the names and bytes of all files below `roots` (a file counts as itself)."""
    digest = hashlib.sha256()
    for root in roots:
        below = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        for path in below:
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def home(folder: Path, track_id: str, *inputs: str) -> Path:
    """Where `folder` (of `scratch`) keeps a track that was made from inputs with these digests."""
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    return folder / f"{track_id}-{key}.tar"


def compute(make: Callable[[AnyJob], list[Member]], jobs: Sequence[AnyJob], what: str) -> list[Kept]:
    """What `make` makes of every job, in their order; only what the cache lacks is made, by worker processes.

    A track for which `make` raises `Unusable` is kept as set aside, with the reason.
    """
    return compute_groups(partial(_each, make), jobs, what, 1)


def _each(make: Callable[[AnyJob], list[Member]], jobs: Sequence[AnyJob]) -> Iterator[Made]:
    for job in jobs:
        try:
            yield make(job)
        except Unusable as reason:
            yield reason


def compute_groups(
    make: Callable[[Sequence[AnyJob]], Iterable[Made]], jobs: Sequence[AnyJob], what: str, size: int
) -> list[Kept]:
    """As `compute`, for a `make` that works on up to `size` jobs at once and yields one result for each.

    When a worker process dies, what is still missing is made again, `ATTEMPTS` times in all; at last the jobs
    that were at work when it died one at a time, so that the one which kills takes no other with it.

    Raises:
        UserError: workers went on dying.
    """
    for attempt in range(ATTEMPTS):
        missing = [job for job in jobs if not job.home.exists()]
        groups = [missing[i : i + size] for i in range(0, len(missing), size)]
        alone = groups[:_SUSPECTS] if attempt == ATTEMPTS - 1 else []
        lost = False
        for part in (*([group] for group in alone), groups[len(alone) :]):
            try:
                for _ in parallel_map(partial(_store, make), part, what, isolated=attempt > 0):
                    pass
            except WorkerLost as error:
                lost = True
                logging.getLogger(__name__).warning("%s: attempt %d lost a worker: %s", what, attempt + 1, error)
        if not lost:
            return [Kept(job.id, job.home) for job in jobs]
    raise UserError(
        f"{what}: worker processes died {ATTEMPTS} times, perhaps for want of memory; set LOWEND_WORKERS=1, "
        "or lower download.part_s in params.yaml"
    )


def _store(make: Callable[[Sequence[AnyJob]], Iterable[Made]], jobs: Sequence[AnyJob]) -> None:
    for job, made in zip(jobs, make(jobs), strict=True):
        members = [Member(job.id, REJECTED, str(made).encode())] if isinstance(made, Unusable) else made
        shards.write_tar(job.home, members)
