"""What the default `make repro` left behind, and what the kit weighs in git."""

from __future__ import annotations

import json
from pathlib import Path

from ruamel.yaml import YAML

from starter_parts.table import Row, Setup, at_most, not_run

REPRO_S = 600.0
MEGABYTES = 16.0
SURE_NATS = -1e-4  # metrics hold four digits
SHIPPED = ("starter/kit", "starter/metrics", "starter/LICENSES.md", "docs/starter.html")


def rows(setup: Setup) -> list[Row]:
    """Seconds of `make repro` after setup, and each stage's gain on its own view's test tracks."""
    seconds = "make repro: seconds"
    timed = at_most(seconds, setup.repro_s, REPRO_S, {}) if setup.repro_s else None
    return [timed or not_run(seconds, "time `make repro` and pass --repro-seconds"), gains(setup.root)]


def gains(root: Path) -> Row:
    """The least sure gain: the upper end of a stage's interval of its change in cross-entropy must lie below 0."""
    stages = YAML(typ="safe").load(root / "params.yaml")["curriculum"]
    files = {stage: root / f"metrics/train/{stage}/metrics.json" for stage in stages}
    name = "make repro: end of the interval of a stage's change in nats"
    missing = [stage for stage, path in files.items() if not path.exists()]
    if missing:
        return not_run(name, f"metrics/train lacks {', '.join(missing)}: run `make repro`")
    found = {stage: json.loads(path.read_text()) for stage, path in files.items()}
    changes = {s: [m[f"ce_change{end}"] for end in ("", "_low", "_high")] for s, m in found.items()}
    return at_most(name, max(high for *_, high in changes.values()), SURE_NATS, {"change_low_high": changes})


def size(setup: Setup) -> list[Row]:
    """Megabytes of the kit and of what goes with it."""
    paths = {place: setup.root / place for place in SHIPPED}
    found = {place: _bytes(path) / 1e6 for place, path in paths.items() if path.exists()}
    figures = {place: round(megabytes, 3) for place, megabytes in found.items()}
    return [at_most("size in git, MB", sum(found.values()), MEGABYTES, figures)]


def _bytes(path: Path) -> int:
    return sum(p.stat().st_size for p in (path.rglob("*") if path.is_dir() else (path,)) if p.is_file())
