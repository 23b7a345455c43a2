"""Tempo, key and drops that the analysers find on synthesised tracks with truth, by both backends.

By hand: python benchmarks/analysis.py [--tracks 300] [--seconds 30]
The tracks come from a seed that neither the pipeline nor the starter kit uses, each with voices of its
own. Tempi are folded into the genre's range of params.yaml, as in the caption stage. Prints what was
wrong; the last line is JSON with Essentia as ours and librosa as the reference.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from lowend.audio import analysis, structure
from lowend.sources import synth
from lowend.workers import parallel_map

SEED = 77_000
GENRES = ("hiphop", "dubstep")
RANGES = YAML(typ="safe").load(Path(__file__).resolve().parents[1] / "params.yaml")["genres"]


def mirex(truth: str, found: str) -> float:
    """MIREX weighted score of a key: 1 exact, 0.5 a fifth, 0.3 relative, 0.2 parallel, else 0."""
    if truth == found:
        return 1.0
    (tonic, mode), (other, other_mode) = truth.split(), found.split()
    steps = (analysis.NOTES.index(other) - analysis.NOTES.index(tonic)) % 12
    if mode == other_mode:
        return 0.5 if steps in (5, 7) else 0.0
    if steps == 0:
        return 0.2
    return 0.3 if steps == (3 if mode == "minor" else 9) else 0.0


def judge(index: int, seconds: float, backend: str) -> dict[str, Any]:
    """What the backend finds in track number `index`, beside the truth."""
    genre = GENRES[index % 2]
    names = synth.sub_genres(genre)
    song = synth.song(SEED, names[index // 2 % len(names)], index, seconds)
    found = analysis.backend(backend)(song.mix, synth.SAMPLE_RATE)
    bpm = analysis.fold_tempo(found.bpm, *RANGES[genre]["bpm"]) if found.bpm else 0.0
    true_bpm, half_bar_s = float(song.info["bpm"]), 120 / float(song.info["bpm"])
    drops = [start for name, start, _ in song.sections if name == "drop"]
    heard = [float(s["start"]) for s in structure.find_drops(song.mix, synth.SAMPLE_RATE, 4.0)]
    return {
        "track": song.info["title"],
        "bpm": [true_bpm, round(bpm, 2)],
        "key": [song.info["key"], found.key],
        "tempo_right": abs(bpm / true_bpm - 1) <= 0.02,
        "key_right": song.info["key"] == found.key,
        "mirex": mirex(str(song.info["key"]), found.key),
        "drops_right": [min((abs(h - d) for h in heard), default=np.inf) <= half_bar_s for d in drops],
        "drops_heard": len(heard),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tracks", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    cases = []
    for backend in ("essentia", "librosa"):
        rows = list(parallel_map(partial(judge, seconds=args.seconds, backend=backend), range(args.tracks), backend))
        for row in rows:
            if not (row["tempo_right"] and row["key_right"] and all(row["drops_right"])):
                print(backend, row["track"], row["bpm"], row["key"], row["drops_right"])
        drops = [right for row in rows for right in row["drops_right"]]
        cases.append(
            {
                "backend": backend,
                "tracks": len(rows),
                "tempo_right": round(float(np.mean([row["tempo_right"] for row in rows])), 4),
                "key_right": round(float(np.mean([row["key_right"] for row in rows])), 4),
                "key_mirex": round(float(np.mean([row["mirex"] for row in rows])), 4),
                "drop_onset_right": round(float(np.mean(drops)), 4),
                "drops_true_and_heard": [len(drops), sum(row["drops_heard"] for row in rows)],
            }
        )
    ours, reference = (case["tempo_right"] for case in cases)
    result = {"name": "analysis", "unit": "share of tracks with the right tempo", "ours": ours, "reference": reference}
    print(json.dumps({**result, "ratio": round(ours / max(reference, 1e-9), 3), "cases": cases}))


if __name__ == "__main__":
    main()
