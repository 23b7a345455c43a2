"""One self-contained page: figures, training curves, and each prompt's clips side by side."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from lowend import changes, comparison, listening
from lowend.errors import UserError
from lowend.figures import DESCRIPTIONS, DISTANCES, SHARES, verdict
from lowend.listening import Sound, Verdict
from lowend.metrics import intake
from lowend.metrics.intake import Item
from lowend.page import render
from lowend.tracks import read_csv

_TONES = {"better": "good", "worse": "bad"}
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


def others(m: Mapping[str, float]) -> list[Row]:
    """Figures of both sets of clips that `rows` has no words for, and the names of those that are absent."""
    told = {name for name, *_ in (*DISTANCES, *SHARES, *DESCRIPTIONS)}
    table = []
    for name in sorted(m.keys() - told):
        twins = [name, f"{name}_low", f"{name}_high"]
        if not all(twin in m and f"against_{twin}" in m for twin in twins):
            continue
        before, after = (changes.Figure(*(m[side + twin] for twin in twins)) for side in ("against_", ""))
        said = changes.verdict(name, before, after)
        real = f"{m[f'real_{name}']:.4g}" if f"real_{name}" in m else ""
        interval = f"{after.low:.4g} … {after.high:.4g}"
        cells = (f"{before.value:.4g}", f"{after.value:.4g}", interval, said, _TONES.get(said, "soft"), real)
        table.append(Row(name.replace("_", " "), *cells))
    absent = [name.removesuffix("_absent").replace("_", " ") for name in sorted(m) if name.endswith("_absent")]
    return [*table, *(Row(name, "", "", "", "absent", "soft") for name in absent)]


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt, by its number in the table from 1 on: both sides, and what was found in the clip of each.

    The first of each pair is the clip that is held against, the second, which orders and filters, the model's.
    """

    number: int
    prompt: str
    sub_genre: str
    verdicts: tuple[Verdict, Verdict]
    sides: list[Sound]

    @property
    def found(self) -> Verdict:
        """What was found in the model's clip."""
        return self.verdicts[1]

    @property
    def figures(self) -> list[tuple[str, str, str]]:
        """Names and both sides' cells of all figures that one of them has."""
        theirs, mine = (dict(verdict.figures) for verdict in self.verdicts)
        return [(name, theirs.get(name, ""), mine.get(name, "")) for name in {**mine, **theirs}]

    @property
    def worsened(self) -> dict[str, float]:
        """By how much the model's clip is worse, for every figure that both have; below zero it is better."""
        return listening.worsened(*self.verdicts)


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
            real = comparison.value(m, f"real_{name}", ".0%").text
            judged = _overlap(m, name) if (name, text) in SHARES else ("", "soft")
            table.append(Row(text, before, after, share_span(name), *judged, real))
    silent = (f"{m['against_silent_clips']:.0f}", f"{m['silent_clips']:.0f}")
    table.append(Row("silent clips", *silent, "", "", "soft"))
    return table


def _seconds(item: Item) -> float:
    return item.wav.shape[1] / item.rate


def pairs(
    names: tuple[str, str], theirs: Sequence[Item], mine: Sequence[Item], found: Sequence[tuple[Verdict, Verdict]]
) -> list[Pair]:
    """The prompts that a page holds, the worst clips of the model first; `names` are of `theirs` and `mine`."""
    held, bit_rate = listening.budget([_seconds(a) + _seconds(b) for a, b in zip(theirs, mine, strict=True)])
    made = []
    for n in listening.worst_first([after for _, after in found[:held]]):
        clip = mine[n].clip
        sounds = listening.pair(names, (theirs[n], mine[n]), bit_rate)
        made.append(Pair(n + 1, clip.prompt, clip.sub_genre, found[n], sounds))
    return made


def sides(found: Path) -> tuple[list[Verdict], list[Verdict]]:
    """What evaluate's table says of the clips held against, and of the model's."""
    rows = read_csv(found)
    beside, judged = (
        [listening.verdict(row) for row in rows if row.get("side") == side] for side in ("against", "model")
    )
    return beside, judged


def page(
    key: str, names: tuple[str, str, str], samples: Path, against: Path, metrics: Path, found: Path, curves: Path
) -> str:
    """The whole page. `names` are the model, the genre and the clips' key that it is held against."""
    model, genre, other = names
    m = json.loads(metrics.read_text())
    mine, theirs = intake.read(samples), intake.read(against)
    beside, judged = sides(found)
    if not len(mine) == len(theirs) == len(judged) == len(beside):
        raise UserError(
            f"{samples} holds {len(mine)} clips, {against} {len(theirs)}, and {found} is about {len(judged)} "
            f"of the first and {len(beside)} of the second: run the stages generate and evaluate again"
        )
    chosen = pairs((other, key), theirs, mine, list(zip(beside, judged, strict=True)))
    values = {
        "key": key,
        "model": model,
        "against": other,
        "genre": genre,
        "prompts": len(mine),
        "rows": rows(m),
        "others": others(m),
        "real_windows": int(m["real_windows"]),
        "is_classified": any(name.startswith("real_classified_") for name in m),
        "curves": Markup(curves_svg(curves)),
        "pairs": chosen,
        "sub_genres": sorted({pair.sub_genre for pair in chosen if pair.sub_genre}),
        "orders": sorted({name for pair in chosen for name in pair.found.badness}),
        "changes": sorted({name for pair in chosen for name in pair.worsened}),
        "flags": sorted({flag for pair in chosen for flag in pair.found.flags}),
        "dead": sum(bool({"broken", "silent"} & {*verdict.flags}) for verdict in judged),
        "fingerprint": listening.fingerprint([theirs, mine]),
    }
    return render("report.html", values)
