"""Separation: the starter model on unseen tracks with truth, and a full-size model against Demucs' own program.

By hand: python benchmarks/separation.py [--songs 24] [--tracks 40] [--seconds 5]
Songs come from a seed that neither the pipeline nor the starter kit uses; the SI-SDR of each stem stands
beside that of the mix taken as the stem. The full-size model is an HTDemucs with htdemucs' arguments and
random weights: src/separate.py (two workers of one thread) and one call of `python -m demucs` with all the
files separate the same tracks, from start to exit, and the stems are compared sample by sample before
the times count. The last line is JSON.

On an idle machine of two cores the ratio is about 1.1: Demucs' two threads share the work of a full-size
model almost evenly, so that what is left to gain is attention's slow path (9 % of the CPU time) and the
waits between the two; two workers load the model twice. On busy cores, where its threads wait for each
other, the ratio was 1.57.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch
from demucs.htdemucs import HTDemucs
from safetensors.torch import save_file

from lowend import shards
from lowend.audio.io import Wave, read_flac, resample
from lowend.audio.separation import Separator, si_sdr_db
from lowend.synth import song as synth
from lowend.tracks import Track, write_rejected, write_tracks
from lowend.workers import parallel_map

SEED = 78_000
ROOT = Path(__file__).resolve().parents[1]
STYLES = [name for genre in ("hiphop", "dubstep") for name in synth.sub_genres(genre)]
HTDEMUCS: dict[str, Any] = {"sources": ["drums", "bass", "other", "vocals"], "bottom_channels": 512, "dconv_mode": 3}
"""What differs from the class's defaults in htdemucs, its segment of 7.8 s aside: 41,984,456 parameters."""

SETTINGS = "separate: {model: starter, stems: 4, shifts: 0, overlap: 0.25, vocals_gate_db: -200.0}\n"
TOLERANCE = 1e-5


def song(index: int) -> synth.Song:
    return synth.song(SEED, STYLES[index % len(STYLES)], index, 16.0)


def judge(index: int) -> dict[str, list[float]]:
    """SI-SDR in dB of each stem that the starter model makes of a song, and of the mix taken as that stem."""
    true = song(index)
    model = Separator("starter", ROOT / "starter/kit/separator", shifts=0, overlap=0.1, stems=4)
    (made,) = model.separate([(true.mix, synth.SAMPLE_RATE, str(index))])
    heard = {stem: wave for stem, wave in true.stems.items() if np.abs(wave).max() > 1e-3}
    return {stem: [si_sdr_db(made[stem], wave), si_sdr_db(true.mix, wave)] for stem, wave in heard.items()}


def starter_figures(songs: int) -> list[dict[str, Any]]:
    """Per stem over all songs: mean SI-SDR, the mix's, and how many songs got better."""
    rows = list(parallel_map(judge, range(songs), "starter"))
    cases = []
    for stem in synth.STEMS:
        made, mix = np.array([row[stem] for row in rows if stem in row]).T
        figures = {"si_sdr_db": made.mean(), "mix_si_sdr_db": mix.mean(), "worst_gain_db": (made - mix).min()}
        cases.append({"stem": stem, "songs": len(made), **{k: round(float(v), 2) for k, v in figures.items()}})
    return cases


def write_models(folder: Path) -> None:
    """One random model as Demucs' local repository has it, and as the starter kit has it."""
    torch.manual_seed(SEED)
    state = HTDemucs(**HTDEMUCS, segment=Fraction(39, 5)).state_dict()
    (folder / "repo").mkdir()
    package = {"klass": HTDemucs, "args": (), "kwargs": {**HTDEMUCS, "segment": Fraction(39, 5)}, "state": state}
    torch.save(package, folder / "repo/random.th")
    (folder / "kit").mkdir()
    kwargs = {**HTDEMUCS, "segment": {"_type": "fraction", "numerator": 39, "denominator": 5}}
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs)}
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "kit/model.safetensors", metadata)


def write_raw(folder: Path, tracks: int, seconds: float) -> list[Path]:
    """Tracks at the model's rate as download.py leaves them."""
    (folder / "audio").mkdir(parents=True)
    pieces = []
    for index in range(tracks):
        mix = 0.5 * resample(song(index).mix, synth.SAMPLE_RATE, 44100)
        start = (mix.shape[1] - int(seconds * 44100)) // 2
        pieces.append(folder / f"audio/t{index:03d}.wav")
        sf.write(pieces[-1], mix[:, start : start + int(seconds * 44100)].T, 44100, subtype="PCM_24")
    write_tracks(folder / "tracks.csv", [Track(path.stem, path.name) for path in pieces])
    write_rejected(folder / "rejected.csv", [])
    return pieces


def timed(command: list[str | Path], folder: Path) -> tuple[float, float, float]:
    """Seconds and CPU seconds that a command takes in `folder`, and GB of the largest of its processes."""
    pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    env = {k: v for k, v in os.environ.items() if k not in pools}
    start = time.perf_counter()
    with (folder / "log.txt").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**env, "LOWEND_WORKERS": "2", "LOWEND_SCRATCH": "scratch", "HF_HUB_OFFLINE": "1"},
            stdout=log,
            stderr=log,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed: {(folder / 'log.txt').read_text()[-2000:]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def largest_difference(out: Path, separated: Path, path: Path) -> float:
    """Between our stems of a track and Demucs'; `other` is held against what its other stems leave of the mix."""
    members = shards.read_track(out, path.stem)
    scale = np.float32(json.loads(members.pop("json"))["scale"])
    ours = {name.removesuffix(".flac"): read_flac(data)[0] / scale for name, data in members.items()}
    theirs: dict[str, Wave] = {
        stem: sf.read(separated / path.stem / f"{stem}.wav", dtype="float32")[0].T for stem in HTDEMUCS["sources"]
    }
    theirs["other"] += sf.read(path, dtype="float32")[0].T - np.asarray(sum(theirs.values()))
    return max(float(np.abs(ours[stem] - wave).max()) for stem, wave in theirs.items())


def compare(folder: Path, tracks: int, seconds: float) -> dict[str, Any]:
    """Speed of both in seconds of audio a second, and how far apart their stems are."""
    write_models(folder)
    paths = write_raw(folder / "raw", tracks, seconds)
    (folder / "params.yaml").write_text(SETTINGS)
    stage = [ROOT / "src/separate.py", "--raw", "raw", "--out", "out", "--metrics", "metrics.json", "--kit", "kit"]
    ours = timed(stage, folder)
    options = ["-n", "random", "--repo", "repo", "-d", "cpu", "--shifts", "0", "--float32", "--clip-mode", "none"]
    theirs = timed(["-m", "demucs", *options, "-o", "separated", *paths], folder)
    apart = max(largest_difference(folder / "out", folder / "separated/random", path) for path in paths)
    if apart > TOLERANCE:
        raise SystemExit(f"stems differ by {apart:.1e}, more than {TOLERANCE:g}")
    return {
        "model": "HTDemucs, 41,984,456 random weights",
        "tracks": tracks,
        "seconds_each": seconds,
        "largest_difference": float(f"{apart:.1e}"),
        "audio_s_per_s": [round(tracks * seconds / wall_s, 3) for wall_s, *_ in (ours, theirs)],
        "cpu_s": [round(cpu_s, 1) for _, cpu_s, _ in (ours, theirs)],
        "largest_process_gb": [round(gb, 2) for *_, gb in (ours, theirs)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    cases = starter_figures(args.songs)
    for case in cases:
        print(json.dumps(case))
    with tempfile.TemporaryDirectory() as folder:
        full = compare(Path(folder), args.tracks, args.seconds)
    print(json.dumps(full))
    ours, reference = full["audio_s_per_s"]
    unit = "seconds of audio a second by a full-size HTDemucs; reference: one call of demucs with all files"
    result = {"name": "separation", "unit": unit, "ours": ours, "reference": reference}
    print(json.dumps({**result, "ratio": round(ours / reference, 2), "cases": [*cases, full]}))


if __name__ == "__main__":
    main()
