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
from lowend.page import player, render
from lowend.tracks import read_csv

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


def _verdict(low: float, high: float, lower_is_better: bool) -> tuple[str, str]:
    if low <= 0 <= high:
        return "within noise", "soft"
    return ("better", "good") if (high < 0) == lower_is_better else ("worse", "bad")


def _overlap(m: Mapping[str, float], name: str, higher_is_better: bool) -> tuple[str, str]:
    """Intervals that do not overlap differ; prompts are few, so this errs on the careful side."""
    other = f"against_{name}"
    if m[f"{name}_low"] > m[f"{other}_high"]:
        return ("better", "good") if higher_is_better else ("worse", "bad")
    if m[f"{name}_high"] < m[f"{other}_low"]:
        return ("worse", "bad") if higher_is_better else ("better", "good")
    return "within noise", "soft"


def rows(m: Mapping[str, float]) -> list[Row]:
    """The table of figures from one evaluation's metrics."""

    def span(name: str, digits: int) -> str:
        return f"{m[f'{name}_low']:.{digits}f} … {m[f'{name}_high']:.{digits}f}"

    def share_span(name: str) -> str:
        return f"{m[f'{name}_low']:.0%} … {m[f'{name}_high']:.0%}"

    change = f"{m['ce_change']:+.4f} ({span('ce_change', 4)})"
    ce = _verdict(m["ce_change_low"], m["ce_change_high"], lower_is_better=True)
    table = [Row("held-out cross-entropy (base | model)", f"{m['ce_base']:.4f}", f"{m['ce']:.4f}", change, *ce)]
    fad = _verdict(m["fad_change_low"], m["fad_change_high"], lower_is_better=True)
    change = f"{m['fad_change']:+.2f} ({span('fad_change', 2)})"
    table.append(Row("FAD", f"{m['against_fad']:.2f}", f"{m['fad']:.2f}", change, *fad))
    for name, text in (
        ("genre_probability", "probability of the genre"),
        ("tempo_right", "tempo right"),
        ("key_right", "key right"),
        ("key_within_a_fifth", "key within a fifth"),
    ):
        if name in m:
            verdict = _overlap(m, name, higher_is_better=True)
            before, after = f"{m[f'against_{name}']:.0%}", f"{m[name]:.0%}"
            real = f"{m[f'real_{name}']:.0%}" if f"real_{name}" in m else ""
            table.append(Row(text, before, after, share_span(name), *verdict, real))
    real = f"{m['real_low_share']:.0%}"
    shares = (f"{m['against_low_share']:.0%}", f"{m['low_share']:.0%}")
    table.append(Row("power in 20–200 Hz", *shares, share_span("low_share"), "", "soft", real))
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
    sounds = zip(clips.read(samples), clips.read(against), read_csv(found), strict=True)
    for number, (mine, theirs, row) in enumerate(sounds, start=1):
        sides = [
            player(name, f"{name}, clip {number}", wav, rate) for name, (_, wav, rate) in ((other, theirs), (key, mine))
        ]
        sections.append({"prompt": mine[0].prompt, "found": _found(row), "sides": sides})
    values = {
        "key": key,
        "model": model,
        "against": other,
        "genre": genre,
        "rows": rows(m),
        "real_windows": int(m["real_windows"]),
        "curves": Markup(curves_svg(curves)),
        "clips": sections,
    }
    return render("report.html", values)
