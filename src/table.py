"""Write the tables of README.md from metrics/: every stage against its start, every release against base.

By hand: python src/table.py --metrics metrics --readme README.md
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path

from lowend import params
from lowend.errors import UserError, script

BEGIN, END = "<!-- table: begin (make table) -->", "<!-- table: end -->"
Metrics = Mapping[str, Mapping[str, float]]


def stages(curriculum: Mapping[str, Mapping[str, object]], found: Metrics) -> str:
    """Held-out cross-entropy of each stage on its own view (or the mix, where none holds that view)."""
    lines = [
        "| stage | starts from | view | held-out cross-entropy | after | change (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    for key, stage in curriculum.items():
        m = found[key]
        change = f"{m['ce_change']:+.3f} ({m['ce_change_low']:+.3f} … {m['ce_change_high']:+.3f})"
        view = f"{stage['genre']} {m['test_view']}"
        lines.append(f"| {key} | {stage['init']} | {view} | {m['ce_init']:.3f} | {m['ce']:.3f} | {change} |")
    return "\n".join(lines)


def evaluations(found: Metrics) -> str:
    """Each evaluation beside the base model and the clips that it is held against."""
    lines = [
        "| evaluation | cross-entropy of base | of the model | change (95 %) "
        "| FAD held against | FAD | change (95 %) | tempo right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, m in sorted(found.items()):
        gain = f"{m['ce_change']:+.3f} ({m['ce_change_low']:+.3f} … {m['ce_change_high']:+.3f})"
        change = f"{m['fad_change']:+.1f} ({m['fad_change_low']:+.1f} … {m['fad_change_high']:+.1f})"
        tempo = f"{m['against_tempo_right']:.0%} → {m['tempo_right']:.0%}" if "tempo_right" in m else "not asked for"
        lines.append(
            f"| {key} | {m['ce_base']:.3f} | {m['ce']:.3f} | {gain} "
            f"| {m['against_fad']:.1f} | {m['fad']:.1f} | {change} | {tempo} |"
        )
    return "\n".join(lines)


def replace(readme: str, table: str) -> str:
    """The text with what stands between the markers replaced.

    Raises:
        UserError: the markers are not there.
    """
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    if not pattern.search(readme):
        raise UserError(f"the README lacks the lines {BEGIN} and {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", readme)


def read(folder: Path, pattern: str) -> dict[str, dict[str, float]]:
    """JSON files below a folder, named by the path's first part that is not fixed."""
    return {
        p.relative_to(folder).parts[0].removesuffix(".json"): json.loads(p.read_text()) for p in folder.glob(pattern)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--readme", type=Path, required=True)
    args = parser.parse_args()
    trained = read(args.metrics / "train", "*/metrics.json")
    judged = read(args.metrics / "evaluate", "*.json")
    curriculum = params.load("curriculum")["curriculum"]
    missing = [key for key in curriculum if key not in trained]
    if missing:
        raise UserError(f"{args.metrics}/train lacks {', '.join(missing)}: run `make repro` first")
    table = f"{stages(curriculum, trained)}\n\n{evaluations(judged)}"
    args.readme.write_text(replace(args.readme.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    script(main)
