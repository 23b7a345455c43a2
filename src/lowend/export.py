"""A release: a folder for each format that the model's family writes, with lineage and a model card."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lowend.models import checkpoints, families
from lowend.models.families import Format


def card(model: Path, metrics: Mapping[str, Mapping[str, float]], of: Format, absent: Sequence[str] = ()) -> str:
    """README.md of a format: what it was made from, under which licences, how it measured, and how it is used.

    `absent` says which formats are not there, and why.
    """
    lineage = checkpoints.read_json(model, "lineage.json")
    licences = Counter(row["licence"] or "unknown" for row in lineage["tracks"])
    use = "commercial use" if lineage["commercial"] else "research only"
    lines = [
        "---",
        f"license: {'cc0-1.0' if lineage['commercial'] else 'cc-by-nc-4.0'}",
        f"library_name: {of.library}",
        "pipeline_tag: text-to-audio",
        "---",
        f"# {model.name}",
        "",
        f"Fine-tuned from {lineage['base']} (revision {lineage['revision'][:16]}), for {use}.",
        "Stages: " + " → ".join(stage["key"] for stage in lineage["stages"]) + ".",
        f"Tracks: {len(lineage['tracks'])} ("
        + ", ".join(f"{count} {name}" for name, count in sorted(licences.items()))
        + "); their ids stand in lineage.json.",
        "",
        "| evaluation | cross-entropy, base | after | FAD, held against | after |",
        "|---|---|---|---|---|",
    ]
    for key, m in sorted(metrics.items()):
        ce = fad = "– | –"
        if "ce" in m:
            ce = f"{m['ce_base']:.3f} | {m['ce']:.3f} ({m['ce_low']:.3f}–{m['ce_high']:.3f})"
        if "fad" in m:
            fad = f"{m['against_fad']:.2f} | {m['fad']:.2f} ({m['fad_low']:.2f}–{m['fad_high']:.2f})"
        lines.append(f"| {key} | {ce} | {fad} |")
    lines += ["", "```python", of.usage, "```", "", *(f"{one}\n" for one in absent)]
    return "\n".join(lines)


def release(model: Path, codec: Path, metrics: Path, out: Path) -> None:
    """Write the formats of the model's family into `out`, with a card of all `metrics` and the lineage in each.

    Raises:
        UserError: the family is not known; `out` is as it was.
    """
    family = families.of(model)
    shutil.rmtree(out, ignore_errors=True)
    released = family.export(model, codec, out)
    measured = {path.stem: json.loads(path.read_text()) for path in sorted(metrics.glob("*.json"))}
    for one in released.formats:
        (out / one.name / "README.md").write_text(card(model, measured, one, released.absent))
        shutil.copyfile(model / "lineage.json", out / one.name / "lineage.json")
