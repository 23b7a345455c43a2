"""What the description of a track gets right on synthesised tracks with truth, and on which real ones backends differ.

By hand: python benchmarks/analysis.py [--tracks 300] [--seconds 30]
         python benchmarks/analysis.py --folder DIR [--bpm 65 150]
The tracks come from a seed that neither the pipeline nor the starter kit uses, nor was anything tuned on it,
each with voices of its own. Tempi are folded into the genre's range of params.yaml, as in the caption
stage. Ours is the description with Essentia and the true stems; the reference is librosa's own tempo and
key; the cases in between are the libraries alone, and the description from the mix alone with librosa.
Prints what was wrong; the last line is JSON. With a folder there is no truth: it prints both backends' tempo
and key of every file, beside what the descriptions made of them, and the files on which they disagree.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from lowend.audio import analysis, beats, description
from lowend.audio.io import EXTENSIONS, decode
from lowend.errors import Unusable
from lowend.synth import song as synth
from lowend.workers import parallel_map

SEED = 77_000
GENRES = ("hiphop", "dubstep")
RANGES = YAML(typ="safe").load(Path(__file__).resolve().parents[1] / "params.yaml")["genres"]
NEAR_S = 0.07  # a beat is heard where one is this near: the window of beat-tracking contests
CASES = (("essentia", True), ("librosa", False))  # backend, and whether it is given stems


def mirex(truth: str, found: str) -> float:
    """MIREX weighted score of a key: 1 exact, 0.5 a fifth, 0.3 relative, 0.2 parallel, else 0."""
    if truth == found:
        return 1.0
    if len(found.split()) != 2:
        return 0.0
    (tonic, mode), (other, other_mode) = truth.split(), found.split()
    steps = (analysis.NOTES.index(other) - analysis.NOTES.index(tonic)) % 12
    if mode == other_mode:
        return 0.5 if steps in (5, 7) else 0.0
    if steps == 0:
        return 0.2
    return 0.3 if steps == (3 if mode == "minor" else 9) else 0.0


def hits(truth: Iterable[float], found: Sequence[float], within_s: float) -> list[bool]:
    """For each true time, whether one was found near it."""
    return [min((abs(f - t) for f in found), default=np.inf) <= within_s for t in truth]


def starts(sections: Iterable[dict[str, Any]], name: str) -> list[float]:
    return [float(s["start"]) for s in sections if s["name"] == name]


def synthesis(text: str) -> tuple[float, list[float]]:
    """Swing and wobble rates of a `synthesis_type`; swing is 0 and rates are empty where it names none."""
    parts = dict(part.split(" ", 1) for part in text.split("; ") if " " in part)
    rates = parts.get("wobble", "").removesuffix(" Hz")
    return float(parts.get("swing", 0)), [float(rate) for rate in rates.split("/") if rate]


def judge(index: int, seconds: float, backend: str, with_stems: bool) -> dict[str, Any]:
    """What is heard in track number `index`, beside the truth."""
    genre = GENRES[index % 2]
    names = synth.sub_genres(genre)
    song = synth.song(SEED, names[index // 2 % len(names)], index, seconds)
    views = {"mix": song.mix} | ({name: song.stems[name] for name in ("drums", "bass")} if with_stems else {})
    bpm_range = tuple(RANGES[genre]["bpm"])
    begun = time.process_time()
    alone = analysis.backend(backend)(song.mix, synth.SAMPLE_RATE)
    between = time.process_time()
    found = description.interpret(alone, views, synth.SAMPLE_RATE, backend, bpm_range)
    cpu_s = time.process_time() - between
    bpm, key = float(song.info["bpm"]), str(song.info["key"])
    bar_s, length = 240 / bpm, song.mix.shape[1] / synth.SAMPLE_RATE
    true = [{"name": name, "start": start} for name, start, _ in song.sections]
    swing, rates = synthesis(str(song.info["synthesis_type"]))
    # The library alone, folded into the range: of two octaves inside, the one nearer to what it said.
    alone_bpm = min(beats.octaves(alone.bpm, *bpm_range), key=lambda b: abs(np.log2(b / alone.bpm))) if alone.bpm else 0
    return {
        "track": song.info["title"],
        "bpm": [bpm, found.bpm, alone_bpm],
        "key": [key, found.key, alone.key],
        "tempo_right": found.bpm is not None and abs(found.bpm / bpm - 1) <= 0.02,
        "tempo_right_alone": abs(alone_bpm / bpm - 1) <= 0.02,
        "key_right": key == found.key,
        "key_right_alone": key == alone.key,
        "key_mirex": mirex(key, found.key),
        "key_mirex_alone": mirex(key, alone.key),
        "downbeats": hits(np.arange(0, length - 0.1, bar_s), found.downbeats, NEAR_S),
        "drops": hits(starts(true, "drop"), starts(found.sections, "drop"), bar_s / 2),
        "drops_heard": hits(starts(found.sections, "drop"), starts(true, "drop"), bar_s / 2),
        "buildups": hits(starts(true, "buildup"), starts(found.sections, "buildup"), bar_s / 2),
        "buildups_within_a_bar": hits(starts(true, "buildup"), starts(found.sections, "buildup"), 1.05 * bar_s),
        "wobble": [rates, found.wobble_hz],
        "swing": [swing, found.swing],
        "energy_right": found.energy_level == song.info["energy_level"],
        "flagged": bool(found.flags),
        "cpu_s": [between - begun, cpu_s],
    }


def share(values: Iterable[bool | float]) -> float | None:
    """Mean to four digits; None of nothing."""
    numbers = list(values)
    return round(float(np.mean(numbers)), 4) if numbers else None


def summary(rows: list[dict[str, Any]], backend: str, with_stems: bool) -> dict[str, Any]:
    """Figures over all tracks. A wobble is right within 10 % of any rate that its track plays.

    Without a bass stem no wobble is looked for.
    """
    every = {
        name: [v for row in rows for v in row[name]]
        for name in ("downbeats", "drops", "drops_heard", "buildups", "buildups_within_a_bar")
    }
    wobbles = [(rates, heard) for rates, heard in (row["wobble"] for row in rows) if rates and with_stems]
    swung = [(true, heard) for true, heard in (row["swing"] for row in rows) if true]
    straight = [heard for true, heard in (row["swing"] for row in rows) if not true]
    right = [row for row in rows if row["tempo_right"]]
    return {
        "backend": backend,
        "stems": with_stems,
        "tracks": len(rows),
        **{
            name: share(row[name] for row in rows)
            for name in ("tempo_right", "tempo_right_alone", "key_right", "key_right_alone", "key_mirex",
                         "key_mirex_alone", "energy_right", "flagged")
        },
        "downbeats_right": share(every["downbeats"]),
        "bars_right_where_tempo_is": share(np.mean(row["downbeats"]) > 0.8 for row in right),
        "drop_onset_right": share(every["drops"]),
        "drop_precision": share(every["drops_heard"]),
        "drops_true_and_heard": [len(every["drops"]), len(every["drops_heard"])],
        "buildup_onset_right": share(every["buildups"]),
        "buildup_onset_within_a_bar": share(every["buildups_within_a_bar"]),
        "wobble_right": share(min(abs((heard or 0) / r - 1) for r in rates) <= 0.1 for rates, heard in wobbles),
        "wobble_heard_where_none": share(row["wobble"][1] is not None for row in rows if not row["wobble"][0]),
        "swing_error_median": share([np.median([abs(h - t) for t, h in swung if h is not None] or [np.nan])]),
        "swing_found": share(heard is not None for _, heard in swung),
        "swing_heard_where_straight": share(heard is not None and abs(heard) > 0.08 for heard in straight),
        "cpu_s_of_library_and_ours": [round(float(np.median([row["cpu_s"][i] for row in rows])), 3) for i in (0, 1)],
    }  # fmt: skip


def synthesised(tracks: int, seconds: float) -> None:
    cases = []
    for backend, with_stems in CASES:
        work = partial(judge, seconds=seconds, backend=backend, with_stems=with_stems)
        rows = list(parallel_map(work, range(tracks), backend))
        for row in rows:
            if not (row["tempo_right"] and row["key_right"] and all(row["drops"]) and all(row["drops_heard"])):
                print(backend, row["track"], row["bpm"], row["key"], row["drops"], row["drops_heard"])
        cases.append(summary(rows, backend, with_stems))
    ours, reference = cases[0]["tempo_right"], cases[1]["tempo_right_alone"]
    result = {"name": "analysis", "unit": "share of tracks with the right tempo", "ours": ours, "reference": reference}
    print(json.dumps({**result, "ratio": round(ours / max(reference, 1e-9), 3), "cases": cases}))


def hear(path: Path, bpm_range: tuple[float, float]) -> dict[str, Any]:
    """Tempo and key of a file by both backends, alone and as described."""
    try:
        wav, rate = decode(path)
    except Unusable as error:
        return {"file": path.name, "error": str(error)}
    found: dict[str, Any] = {"file": path.name}
    for backend in analysis.BACKENDS:
        alone = analysis.backend(backend)(wav, rate)
        told = description.interpret(alone, {"mix": wav}, rate, backend, bpm_range)
        found |= {f"{backend} alone": [alone.bpm and round(alone.bpm, 1), alone.key]}
        found |= {backend: [told.bpm, told.key], f"{backend} flags": told.flags}
    return found


def agree(a: Sequence[Any], b: Sequence[Any]) -> tuple[bool, bool]:
    """Whether two tempi are within 4 % up to octaves, and two keys the same."""
    return bool(a[0] and b[0] and analysis.tempo_error(a[0], b[0]) < 0.04), a[1] == b[1]


def folder(path: Path, bpm_range: tuple[float, float]) -> None:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS)
    rows = list(parallel_map(partial(hear, bpm_range=bpm_range), files, "listening"))
    for row in rows:
        print(json.dumps(row))
    heard = [row for row in rows if "error" not in row]
    pairs = {
        "alone": [agree(row["essentia alone"], row["librosa alone"]) for row in heard],
        "described": [agree(row["essentia"], row["librosa"]) for row in heard],
    }
    print(json.dumps({
        "name": "analysis of a folder", "unit": "share of files on which the backends agree", "files": len(heard),
        **{f"{kind}_{what}": share(pair[i] for pair in found) for kind, found in pairs.items()
           for i, what in enumerate(("tempo", "key"))},
        "tempo_disagrees": [r["file"] for r, (same, _) in zip(heard, pairs["described"], strict=True) if not same],
        "key_disagrees": [r["file"] for r, (_, same) in zip(heard, pairs["described"], strict=True) if not same],
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tracks", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--folder", type=Path, help="real tracks, without truth")
    parser.add_argument(
        "--bpm", type=float, nargs=2, default=(65.0, 150.0), help="range that their tempi are folded into"
    )
    args = parser.parse_args()
    if args.folder:
        folder(args.folder, tuple(args.bpm))
    else:
        synthesised(args.tracks, args.seconds)


if __name__ == "__main__":
    main()
