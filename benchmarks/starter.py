"""The starter kit's table: what it must reach, measured again on seeds that nothing was trained on.

By hand: python benchmarks/starter.py [--tuned models/joint] [--repro-seconds 480] [--loops DIR] [--lmms DIR]
         python benchmarks/starter.py --only codec separator
         python benchmarks/starter.py --break

Each row has a value, a bar and whether it passed; a row that was not run has not passed, one without a
bar is only reported. The codec is held against an untrained MDCT, principal components and residual
vector quantiser of the same bits. starter/metrics/starter.json keeps the table; rows that a run leaves
out stay as they were measured with the same parts of the kit. --break measures damaged variants, each of which must
fall below its bar, into damage.json beside it. `--loops` takes a folder of CC0 loops (npm's
supersonic-scsynth-samples), `--lmms` one folder a project with the tracks that `lmms rendertracks` wrote.
Clips are kept in scratch for as long as the models stay the same. The last line is JSON; its ratio is
the reference's log-mel error over ours.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from starter_parts import table
from starter_parts.table import Row, Setup

from lowend import cache
from lowend.errors import UserError, script
from lowend.tracks import write_json
from lowend.workers import set_threads

ROOT = Path(__file__).resolve().parents[1]
UNIT = "log-mel L1 in dB of the codec on unseen songs (less is better); reference: MDCT + PCA + RVQ of the same bits"
LM, SEPARATOR, EAR = "musicgen", "separator", "tagger/wobble.safetensors"
TAGGER = "tagger/model.safetensors", "tagger/classes.txt"
WHOLE = LM, SEPARATOR, *TAGGER, EAR
GROUPS = {  # a function of starter_parts each, imported when it is needed, and what it reads of the kit
    "codec": ("codec.rows", (LM,)),
    "loops": ("codec.loops", (LM,)),
    "separator": ("separation.rows", (SEPARATOR,)),
    "lmms": ("separation.lmms", (SEPARATOR,)),
    "tagger": ("tagging.rows", TAGGER),
    "base": ("language.rows", (LM, *TAGGER)),
    "tuned": ("language.after", (LM, *TAGGER)),
    "distance": ("distance.rows", (LM,)),
    "wobble": ("language.wobble", (LM, EAR)),
    "repro": ("pipeline.rows", WHOLE),
    "size": ("pipeline.size", WHOLE),
}
DAMAGE = {  # of a group: what is damaged, and the function that measures it
    "codec": ("shuffled codebooks", "codec.broken"),
    "separator": ("a quarter of the mix for every stem", "separation.broken"),
    "base": ("permuted tokens of the text", "language.broken"),
}


def measure(work: str, parts: Sequence[str], setup: Setup) -> list[Row]:
    """Rows of one function of starter_parts, printed as they come, with the hashes of the kit's parts that it reads."""
    module, name = work.split(".")
    function: Callable[[Setup], list[Row]] = getattr(importlib.import_module(f"starter_parts.{module}"), name)
    begun = time.monotonic()
    kit = {part: cache.files(setup.kit / part) for part in parts}
    rows = [replace(row, kit=kit) for row in function(setup)]
    for row in rows:
        print(json.dumps(table.as_case(row)), flush=True)
    print(f"{work}: {time.monotonic() - begun:.0f} s", flush=True)
    return rows


def damage(setup: Setup, groups: Sequence[str]) -> dict[str, Any]:
    """One case a damaged variant: its rows, and whether all that have a bar fell below it."""
    cases = []
    for group in (group for group in groups if group in DAMAGE):
        what, work = DAMAGE[group]
        rows = measure(work, GROUPS[group][1], setup)
        below = all(not row.passed for row in rows)
        cases.append({"damage": what, "below_the_bar": below, "rows": [table.as_case(row) for row in rows]})
    share = sum(case["below_the_bar"] for case in cases) / max(len(cases), 1)
    return {"name": "starter --break", "unit": "share of damages that show", "ours": share, "cases": cases}


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The last line: log-mel of both codecs, their ratio, the share that passed, and every row."""
    sides = next((row.figures for row in rows if row.row.startswith("codec: log-mel") and "codec" in row.figures), None)
    ours, reference = (sides[side]["log_mel_l1_db"] if sides else None for side in ("codec", "mdct_pca_rvq"))
    ratio = round(reference / ours, 3) if ours and reference else None
    shares = {"passed_share": table.passed_share(rows), "cases": [table.as_case(row) for row in rows]}
    return {"name": "starter", "unit": UNIT, "ours": ours, "reference": reference, "ratio": ratio, **shares}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kit", type=Path, default=ROOT / "starter/kit")
    parser.add_argument("--tuned", type=Path, nargs="+", default=[], help="one checkpoint, or hip-hop's and dubstep's")
    parser.add_argument("--loops", type=Path, help="folder of CC0 loops")
    parser.add_argument("--lmms", type=Path, help="folder with one folder of rendered tracks a project")
    parser.add_argument("--repro-seconds", type=float, help="what the default `make repro` took after setup")
    parser.add_argument("--clips", type=int, default=100, help="prompts of a genre, eight seconds each")
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=GROUPS, help="rows to measure")
    parser.add_argument("--break", dest="damaged", action="store_true", help="measure damaged variants instead")
    parser.add_argument("--out", type=Path, default=ROOT / "starter/metrics/starter.json")
    args = parser.parse_args()
    set_threads()
    if len(args.tuned) > 2:
        raise UserError("--tuned takes one checkpoint folder, or two: hip-hop's and dubstep's")
    setup = Setup(ROOT, args.kit, args.clips, args.loops, args.lmms, tuple(args.tuned), args.repro_seconds)
    if args.damaged:
        found = damage(setup, args.only)
        write_json(args.out.with_name("damage.json"), found)
        print(json.dumps(found))
        return
    measured = [row for group in GROUPS if group in args.only for row in measure(*GROUPS[group], setup)]
    rows = table.merged(args.out, args.kit, measured)
    write_json(args.out, table.as_json(rows))
    print(json.dumps(summary(rows)))


if __name__ == "__main__":
    script(main)
