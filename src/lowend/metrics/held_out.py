"""Held-out cross-entropy of several models on the same windows of a genre's mixes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lowend import captions
from lowend.metrics import cross_entropy
from lowend.metrics.cross_entropy import ByTrack
from lowend.models import devices, musicgen
from lowend.training import data

WINDOW_S = 4.0
"""Seconds in a window of held-out cross-entropy: fixed, so that figures of all runs compare."""

_BATCH = 8


def by_model(models: Mapping[str, Path], tokens: Path, splits: Path) -> dict[str, ByTrack]:
    """Cross-entropy in nats of each model's checkpoint folder on the test split's mixes, under the models' names.

    Raises:
        UserError: no track of the test split is as long as a window.
    """
    frames = round(WINDOW_S * musicgen.FRAME_RATE)
    rows = data.load(tokens, splits / "test.csv", "mix", captions.load_template(), frames)
    windows = data.windows(rows, frames)
    return {
        name: cross_entropy.by_track(musicgen.load(folder, devices.best()), windows, _BATCH)
        for name, folder in models.items()
    }
