"""The models of the starter kit as checkpoint folders."""

from __future__ import annotations

from pathlib import Path

from lowend.models import base

KIT = Path(__file__).resolve().parents[1] / "starter/kit"


def unpack(folder: Path) -> Path:
    """Write `base` and `codec` into `folder`; returns `folder`."""
    found, lineage = base.locate(base.BaseConfig("starter", ""), KIT / "musicgen")
    base.unpack(found, lineage, folder / "base", folder / "codec")
    return folder
