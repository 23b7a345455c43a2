"""The starter kit on disk: its models as checkpoint folders, its files, and its size."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

from lowend import cache, params
from lowend.models import base
from lowend.models.sampling import Sampling


def sampling(path: Path) -> Sampling:
    """How the pipeline samples clips: what section `generate` of a params.yaml says of it."""
    section = params.load("generate", path=path)["generate"]
    return params.build(Sampling, {field.name: section[field.name] for field in fields(Sampling)}, "generate")


def unpack(musicgen: Path) -> Path:
    """A folder of scratch with `base` and `codec` of the kit's folder `musicgen`; made once for every kit."""
    config = base.BaseConfig("starter", "")
    folder = cache.scratch("starter", "unpacked", cache.files(musicgen))
    if not folder.exists():
        found, lineage = base.locate(config, musicgen)
        partial = folder.with_suffix(".tmp")
        shutil.rmtree(partial, ignore_errors=True)
        base.unpack(found, lineage, partial / "base", partial / "codec")
        partial.rename(folder)
    return folder


def files(kit: Path) -> dict[str, int]:
    """Bytes of every file of the kit, by its path inside the kit."""
    return {p.relative_to(kit).as_posix(): p.stat().st_size for p in sorted(kit.rglob("*")) if p.is_file()}
