"""docs/metrics.md explains what is measured: every figure, and none that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = {
    *("fad_infinity", "drums_fad", "bass_fad", "wobble_right", "wobble_error", "clap", "skipped_batches"),
    *("musicnn_hip_hop", "musicnn_electronic", "structure_right", "instruments_false"),
}
"""Figures that the default run does not ask for, or has too few clips for."""


def readings(name: str) -> set[str]:
    """A figure's name, and what is left of it without what marks sides, intervals, differences and codebooks."""
    left = name
    found = {name}
    for mark in (r"^against_", r"_(low|high)$", r"_absent$", r"_change$", r"_clips$", r"_k\d$", r"^real_"):
        left = re.sub(mark, "", left)
        found.add(left)
    return found


def test_every_figure_is_explained_and_every_explanation_has_a_figure() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    explained = set(re.findall(r"`(\w+)`", " ".join(rows))) | {"real_genre_probability", "real_sub_genre_right"}
    places = ("evaluate/*.json", "train/*/metrics.json", "forgetting/*.json", "classifier.json")
    files = [file for place in places for file in (ROOT / "metrics").glob(place)]
    found = {name for file in files for name in json.loads(file.read_text())} - {"step"}
    assert files
    assert not {name for name in found if not readings(name) & explained}
    assert not {name for name in explained - OPTIONAL if name not in found and not name.startswith("evaluate")}
