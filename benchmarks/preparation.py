"""Preparing tracks (decode, loudness, analysis, shards; separation aside) against the per-file script of guides.

By hand: python benchmarks/preparation.py [--files 100] [--short 1000]
The reference does what guides tell for each file in turn: ffmpeg to WAV at 32 kHz, ffmpeg-normalize to
-16 LUFS, Essentia's tempo and key. It needs `ffmpeg` and `ffmpeg-normalize` on the PATH (or the latter's
path in FFMPEG_NORMALIZE) and calls them as subprocesses. Ours decodes, sets the same loudness with its
own meters and analyses with the same Essentia algorithms, and beats, sections and chords besides, on two
workers. Before the timing both sides' loudness and tempo are compared.

Further cases: CPU seconds a track with one and with two workers, and the share of the whole time that
one more track costs after `--short` tracks of a few seconds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from lowend import cache, shards
from lowend.audio import analysis, description, io, views
from lowend.audio.loudness import integrated_lufs
from lowend.shards import Member
from lowend.synth import song as synth
from lowend.workers import parallel_map, set_threads

SEED, RATE, LUFS, SECONDS = 79_000, 32000, -16.0, 30.0
RANGE = (65.0, 160.0)
SECTION: dict[str, Any] = {"sample_rate": RATE, "channels": 2, "lufs": LUFS, "peak_dbtp": -1.5, "limiter": False}
SECTION |= {"lra": 0.0, "vocals": True, "views": ("mix",), "trim_db": -60.0, "min_segment_s": 2.0}
CONFIG = views.NormalizeConfig(**SECTION)


def make_file(job: tuple[Path, int, float]) -> Path:
    """One synthesised track as an MP3 at 44.1 kHz."""
    folder, index, seconds = job
    names = [n for genre in ("hiphop", "dubstep") for n in synth.sub_genres(genre)]
    mix = synth.song(SEED, names[index % len(names)], index, max(seconds, 8.0)).mix[:, : int(seconds * RATE)]
    path = folder / f"{index:05d}.mp3"
    wav = io.resample(mix, RATE, 44100)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame", rate=44100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wav), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        for part in (frame, None):
            out.mux(stream.encode(part))
    return path


@dataclass(frozen=True, slots=True)
class Job:
    """One file of ours."""

    id: str
    home: Path
    file: Path


def prepare(job: Job) -> list[Member]:
    """The pipeline's own steps on one file, its mix taken as the only stem."""
    wav, _ = io.decode(job.file, RATE)
    made = views.normalize({"other": wav}, [], job.id, CONFIG)
    mix, rate = io.read_flac(next(m.data for m in made if m.name == "mix.flac"))
    found = description.describe({"mix": mix}, rate, "essentia", RANGE)
    return [m for m in made if m.name != "json"] + [
        shards.note(job.id, {"bpm": found.bpm, "key": found.key, "sections": found.sections}, [])
    ]


def ours(files: list[Path], scratch: Path, out: Path) -> list[dict[str, Any]]:
    """Prepare all files and write shards; what the cache has is not made again."""
    jobs = [Job(f.stem, cache.home(scratch, f.stem, str(f.stat().st_size)), f) for f in files]
    kept = cache.compute(prepare, jobs, "ours")
    shutil.rmtree(out, ignore_errors=True)
    shards.merge(out, ((k.id, k.home) for k in kept))
    return [k.note for k in kept]


def reference(file: Path, out: Path, tool: str) -> tuple[float, Path]:
    """The script of the guides on one file: its tempo, and the normalised WAV."""
    import essentia
    import essentia.standard as es

    essentia.log.infoActive = essentia.log.warningActive = False
    wav, done = out / f"{file.stem}.wav", out / f"{file.stem}.normalized.wav"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["ffmpeg", "-y", "-i", str(file), "-ar", str(RATE), "-ac", "2", str(wav)], **quiet)  # type: ignore[call-overload]
    subprocess.run([tool, str(wav), "-f", "-o", str(done), "-t", str(LUFS), "-ar", str(RATE)], **quiet)  # type: ignore[call-overload]
    mono = es.MonoLoader(filename=str(done))()
    bpm = es.RhythmExtractor2013()(mono)[0]
    es.KeyExtractor()(mono)
    return float(bpm), done


def timed(files: list[Path], work: Path, name: str, workers: int) -> tuple[float, float, list[dict[str, Any]]]:
    """Wall seconds, CPU seconds of all processes, and notes of a run of ours from an empty cache."""
    os.environ["LOWEND_WORKERS"] = str(workers)
    before, start = _cpu_s(), time.monotonic()
    notes = ours(files, work / name, work / f"{name}-shards")
    wall = time.monotonic() - start
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)  # so that the workers' CPU time is known
    return wall, _cpu_s() - before, notes


def _cpu_s() -> float:
    kinds = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in kinds)


def equal(
    files: list[Path], notes: list[dict[str, Any]], work: Path, found: list[tuple[float, Path]]
) -> dict[str, float]:
    """Loudness of both sides' files, and on how many both hear the same tempo up to octaves."""
    mine = [io.read_flac(shards.read_track(work / "two-shards", f.stem)["mix.flac"])[0] for f in files]
    theirs = [io.decode(path)[0] for _, path in found]
    gaps = [max(abs(integrated_lufs(w, RATE) - LUFS) for w in side) for side in (mine, theirs)]
    same = [analysis.tempo_error(note["bpm"], bpm) < 0.04 for note, (bpm, _) in zip(notes, found, strict=True)]
    return {"ours_lufs_off_at_most": gaps[0], "reference_lufs_off_at_most": gaps[1], "same_tempo": float(np.mean(same))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=100, help="tracks of 30 s")
    parser.add_argument("--short", type=int, default=1000, help="tracks of 4 s, to which one is added")
    args = parser.parse_args()
    tool = os.environ.get("FFMPEG_NORMALIZE") or shutil.which("ffmpeg-normalize")
    if not tool or not shutil.which("ffmpeg"):
        sys.exit("the reference needs ffmpeg and ffmpeg-normalize: install them (apt, pip), or set FFMPEG_NORMALIZE")
    set_threads()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for folder in ("long", "short", "reference"):
            (work / folder).mkdir()
        files = list(parallel_map(make_file, [(work / "long", i, SECONDS) for i in range(args.files)], "rendering"))
        timed(files[:2], work, "warm", 2)
        one_wall, one_cpu, _ = timed(files, work, "one", 1)
        two_wall, two_cpu, notes = timed(files, work, "two", 2)
        start = time.monotonic()
        found = [reference(file, work / "reference", tool) for file in files]
        wall = time.monotonic() - start
        case: dict[str, Any] = {"case": f"{args.files} MP3s of 30 s", **equal(files, notes, work, found)}
        case |= {"ours_s_per_track": two_wall / args.files, "reference_s_per_track": wall / args.files}
        case |= {"one_worker_s_per_track": one_wall / args.files}
        case |= {"cpu_s_per_track_1": one_cpu / args.files, "cpu_s_per_track_2": two_cpu / args.files}
        short = list(parallel_map(make_file, [(work / "short", i, 4.0) for i in range(args.short + 1)], "rendering"))
        whole, _, _ = timed(short[:-1], work, "many", 2)
        plus, _, _ = timed(short, work, "many", 2)
        more = {
            "case": f"one more track after {args.short}",
            "whole_s": whole,
            "plus_one_s": plus,
            "share": plus / whole,
        }
    cases = [{k: round(v, 4) if isinstance(v, float) else v for k, v in c.items()} for c in (case, more)]
    for row in cases:
        print(row)
    result = {"name": "preparation", "unit": "tracks of 30 s a second", "ours": args.files / two_wall}
    result |= {"reference": args.files / wall, "ratio": round(wall / two_wall, 3), "cases": cases}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
