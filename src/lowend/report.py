"""One self-contained page: figures, training curves, and each prompt's clips side by side."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from lowend import clips
from lowend.figures import DESCRIPTIONS, DISTANCES, SHARES, verdict
from lowend.page import player, render
from lowend.tracks import read_csv

PLAYED = 16
"""Prompts on a page, from the top of their table: a hundred would make it too heavy to open."""

_RC: dict[str, Any] = {"svg.hashsalt": "lowend", "svg.fonttype": "path", "font.size": 9}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of figures."""

    name: str
    before: str
    after: str
    interval: str
    verdict: str
    tone: str
    real: str = ""


def curves_svg(folder: Path) -> str:
    """Training and validation cross-entropy, and each codebook's, over steps, from DVCLive's files."""
    tables = {path.stem: pd.read_csv(path, sep="\t") for path in sorted(folder.rglob("*.tsv"))}
    with matplotlib.rc_context(_RC):  # type: ignore[arg-type]
        figure = Figure(figsize=(9, 2.8))
        left, right = figure.subplots(1, 2)
        for name, style in (("train_ce", "-"), ("valid_ce", "o-")):
            if name in tables:
                left.plot(tables[name]["step"], tables[name][name], style, label=name.replace("_ce", ""), markersize=4)
        for name in sorted(n for n in tables if n.startswith("train_ce_k")):
            smooth = tables[name][name].rolling(8, min_periods=1).mean()
            right.plot(tables[name]["step"], smooth, label=f"codebook {name[-1]}")
        for axes, title in ((left, "cross-entropy (nats)"), (right, "by codebook, mean of 8 steps")):
            axes.set_title(title, fontsize=9)
            axes.set_xlabel("step")
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        figure.tight_layout()
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()[file.getvalue().index("<svg") :]


def _overlap(m: Mapping[str, float], name: str) -> tuple[str, str]:
    """Shares whose intervals do not overlap differ; prompts are few, so this errs on the careful side."""
    other = f"against_{name}"
    if m[f"{name}_low"] > m[f"{other}_high"]:
        return "better", "good"
    if m[f"{name}_high"] < m[f"{other}_low"]:
        return "worse", "bad"
    return "within noise", "soft"


def rows(m: Mapping[str, float]) -> list[Row]:
    """The table of figures from one evaluation's metrics."""

    def span(name: str, digits: int) -> str:
        return f"{m[f'{name}_low']:.{digits}f} … {m[f'{name}_high']:.{digits}f}"

    def share_span(name: str) -> str:
        return f"{m[f'{name}_low']:.0%} … {m[f'{name}_high']:.0%}"

    change = f"{m['ce_change']:+.4f} ({span('ce_change', 4)})"
    ce = verdict(m["ce_change_low"], m["ce_change_high"])
    table = [Row("held-out cross-entropy (base | model)", f"{m['ce_base']:.4f}", f"{m['ce']:.4f}", change, *ce)]
    for name, text, digits in DISTANCES:
        if name in m:
            change = f"{m[f'{name}_change']:+.{digits}f} ({span(f'{name}_change', digits)})"
            before, after = f"{m[f'against_{name}']:.{digits}f}", f"{m[name]:.{digits}f}"
            found = verdict(m[f"{name}_change_low"], m[f"{name}_change_high"])
            table.append(Row(text, before, after, change, *found))
    for name, text in (*SHARES, *DESCRIPTIONS):
        if name in m:
            before, after = f"{m[f'against_{name}']:.0%}", f"{m[name]:.0%}"
            real = f"{m[f'real_{name}']:.0%}" if f"real_{name}" in m else ""
            judged = _overlap(m, name) if (name, text) in SHARES else ("", "soft")
            table.append(Row(text, before, after, share_span(name), *judged, real))
    silent = (f"{m['against_silent_clips']:.0f}", f"{m['silent_clips']:.0f}")
    table.append(Row("silent clips", *silent, "", "", "soft"))
    return table


def _found(row: Mapping[str, str]) -> str:
    if row["is_silent"] == "True":
        return "silence"
    bpm = f"{float(row['bpm']):.0f} BPM" if row["bpm"] else "no tempo"
    return f"{bpm}, {row['key'] or 'no key'}, {float(row['low_share']):.0%} of the power in 20–200 Hz"


def page(
    key: str, names: tuple[str, str, str], samples: Path, against: Path, metrics: Path, found: Path, curves: Path
) -> str:
    """The whole page. `names` are the model, the genre and the clips' key that it is held against."""
    model, genre, other = names
    m = json.loads(metrics.read_text())
    sections = []
    sounds = list(zip(clips.read(samples), clips.read(against), read_csv(found), strict=True))
    for number, (mine, theirs, row) in enumerate(sounds[:PLAYED], start=1):
        sides = [
            player(name, f"{name}, clip {number}", wav, rate) for name, (_, wav, rate) in ((other, theirs), (key, mine))
        ]
        sections.append({"prompt": mine[0].prompt, "found": _found(row), "sides": sides})
    values = {
        "key": key,
        "model": model,
        "against": other,
        "genre": genre,
        "prompts": len(sounds),
        "rows": rows(m),
        "real_windows": int(m["real_windows"]),
        "curves": Markup(curves_svg(curves)),
        "clips": sections,
    }
    return render("report.html", values)
