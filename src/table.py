"""Write tables from metrics/ into pages: stages, evaluations and what was forgotten; all models side by side.

By hand: python src/table.py --metrics metrics --readme README.md
  or:    python src/table.py --metrics metrics --comparison docs/ablation.md
  or:    python src/table.py --metrics metrics --measures README.md
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from lowend import comparison, params
from lowend.errors import UserError, script
from lowend.figures import WHOLE_DISTANCES

BEGIN, END = "<!-- table: begin (make table) -->", "<!-- table: end -->"
MEASURED = "<!-- measures: begin (src/table.py) -->", "<!-- measures: end -->"
COMPARED = "<!-- comparison: begin (src/table.py) -->", "<!-- comparison: end -->"
Metrics = Mapping[str, Mapping[str, float]]


def stages(curriculum: Mapping[str, Mapping[str, object]], found: Metrics) -> str:
    """Held-out cross-entropy of each stage on its own view (or the mix, where none holds that view)."""
    lines = [
        "| stage | starts from | view | held-out cross-entropy | after | change (95 %) | of the genre it replays |",
        "|---|---|---|---|---|---|---|",
    ]
    for key, stage in curriculum.items():
        m = found[key]
        view = f"{stage['genre']} {m['test_view']}"
        change, other = (comparison.value(m, name, "+.3f").text for name in ("ce_change", "ce_other_change"))
        change = f"{change} | {other or '–'}"
        lines.append(f"| {key} | {stage['init']} | {view} | {m['ce_init']:.3f} | {m['ce']:.3f} | {change} |")
    return "\n".join(lines)


def evaluations(found: Metrics) -> str:
    """Each evaluation beside the base model and the clips that it is held against."""
    distances = [row for row in WHOLE_DISTANCES if all(row[0] in m for m in found.values())]
    heads = "".join(f"| {title} held against | {title} | change (95 %) " for _, title, _ in distances)
    lines = [
        f"| evaluation | cross-entropy of base | of the model | change (95 %) {heads}| tempo right |",
        f"|---|---|---|---{'|---' * 3 * len(distances)}|---|",
    ]
    for key, m in sorted(found.items()):
        gain = comparison.value(m, "ce_change", "+.3f").text
        cells = "".join(_distance(m, name, digits - 1) for name, _, digits in distances)
        tempo = f"{m['against_tempo_right']:.0%} → {m['tempo_right']:.0%}" if "tempo_right" in m else "not asked for"
        lines.append(f"| {key} | {m['ce_base']:.3f} | {m['ce']:.3f} | {gain} {cells}| {tempo} |")
    return "\n".join(lines)


def forgotten(asked: Mapping[str, Mapping[str, str]], found: Metrics) -> str:
    """What each model lost of another genre and of other music, beside the model that it is held against."""
    lines = [
        "| forgotten | held against | genre | its cross-entropy | after | change (95 %) "
        "| neutral prompts: tempo right | leak | change (95 %) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, entry in asked.items():
        m = found[key]
        change = comparison.value(m, "ce_other_change", "+.3f").text
        leak = comparison.value(m, "leak_change", "+.0%").text or "–"
        nats = f"{m['against_ce_other']:.3f} | {m['ce_other']:.3f} | {change}"
        shares = f"{_shares(m, 'tempo_right')} | {_shares(m, 'leak')} | {leak}"
        lines.append(f"| {key} | {entry['against']} | {entry['other']} | {nats} | {shares} |")
    return "\n".join(lines)


def _shares(m: Mapping[str, float], name: str) -> str:
    """Before and after; a dash where no prompt asks for it, or the tagger knows none of the genre."""
    return f"{m[f'against_{name}']:.0%} → {m[name]:.0%}" if name in m else "–"


def _distance(m: Mapping[str, float], name: str, digits: int) -> str:
    """Three cells: of the clips held against, of the model's, and the paired change."""
    change = comparison.value(m, f"{name}_change", f"+.{digits}f").text
    return f"| {m[f'against_{name}']:.{digits}f} | {m[name]:.{digits}f} | {change} "


def replace(text: str, table: str, begin: str = BEGIN, end: str = END) -> str:
    """The text with what stands between the markers replaced.

    Raises:
        UserError: the markers are not there.
    """
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if not pattern.search(text):
        raise UserError(f"the page lacks the lines {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{table}\n{end}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--metrics", type=Path, required=True)
    page = parser.add_mutually_exclusive_group(required=True)
    page.add_argument("--readme", type=Path, help="page that gets the stages, the evaluations and what was forgotten")
    page.add_argument("--comparison", type=Path, help="page that gets the genres' models side by side")
    page.add_argument("--measures", type=Path, help="page that gets their main figures")
    args = parser.parse_args()
    sections = params.load("curriculum", "generations", "evaluations")
    if target := args.comparison or args.measures:
        markers, titles = (COMPARED, ()) if args.comparison else (MEASURED, comparison.MEASURES)
        table = comparison.markdown(comparison.tables(comparison.Params(**sections), args.metrics), titles)
        target.write_text(replace(target.read_text(encoding="utf-8"), table, *markers), encoding="utf-8")
        return
    curriculum = sections["curriculum"]
    trained = comparison.read({key: args.metrics / "train" / key / "metrics.json" for key in curriculum})
    judged = comparison.read({key: args.metrics / "evaluate" / f"{key}.json" for key in sections["evaluations"]})
    asked = params.load("forgetting")["forgetting"]
    lost = comparison.read({key: args.metrics / "forgetting" / f"{key}.json" for key in asked})
    table = "\n\n".join((stages(curriculum, trained), evaluations(judged), forgotten(asked, lost)))
    args.readme.write_text(replace(args.readme.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    script(main)
