"""Families of models once they are trained: what generate and export know of one, and which there are.

A checkpoint's lineage.json names its family under `family`, and training hands that on; where there is no
such key it is a MusicGen. What the training loop knows of a family is another seam, `training/family.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lowend.audio.io import Wave
from lowend.errors import UserError
from lowend.models import checkpoints

MODULES = {"musicgen": "lowend.models.musicgen_output"}
"""The module of each family, which holds it as `FAMILY`; imported when a checkpoint is of that family."""

DEFAULT = "musicgen"


@dataclass(frozen=True, slots=True)
class Sampling:
    """What section `generate` of params.yaml holds for every family; a family's own class adds its keys."""

    clips: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Format:
    """One format of a release."""

    name: str  # of its folder
    library: str  # that loads it, as model hubs name it
    usage: str  # Python that makes a clip, run inside the folder


@dataclass(frozen=True, slots=True)
class Release:
    """The formats that were written, and a sentence for each that could not be."""

    formats: Sequence[Format]
    absent: Sequence[str]


Settings = TypeVar("Settings", bound=Sampling)


class Family(Protocol[Settings]):
    """A family's ways from a checkpoint folder to clips and to a release. Stateless."""

    @property
    def settings(self) -> type[Settings]:
        """The frozen dataclass that section `generate` is read into."""

    def generate(
        self,
        model: Path,
        codec: Path,
        prompts: Sequence[str],
        seeds: Sequence[int],
        settings: Settings,
        on_progress: Callable[[int, int], None],
    ) -> tuple[Wave, int]:
        """Clips float32 [B, C, S] and their rate in Hz; row i depends on prompt i and seed i alone.

        `on_progress` gets the steps done and those to do.
        """

    def export(self, model: Path, codec: Path, out: Path) -> Release:
        """Write each format into a folder of its name in `out`; whoever calls adds card and lineage to it."""


def of(model: Path) -> Family[Any]:
    """The family of a checkpoint folder.

    Raises:
        UserError: the folder has no lineage, or is of a family that is not known.
    """
    name = checkpoints.read_json(model, "lineage.json").get("family", DEFAULT)
    if name not in MODULES:
        raise UserError(
            f"{model}/lineage.json: `family` is {name!r}, and known are {', '.join(MODULES)}: take a checkpoint "
            "of one of these, or add the family (docs/families.md)"
        )
    family: Family[Any] = importlib.import_module(MODULES[name]).FAMILY
    return family
