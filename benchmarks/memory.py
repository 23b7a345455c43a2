"""Peak memory of each preparation stage on an hour-long 48 kHz stereo mix, one worker.

By hand: python benchmarks/memory.py [--minutes 60]
Writes a FLAC of synthesised songs end to end, and runs the stage scripts on it as DVC would, with
LOWEND_WORKERS=1, so that a stage's process is its worker. The reference is what decoding the file at
once takes (float32). The last line is JSON; `ratio` is how many times less the worst stage needs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile as sf
from ruamel.yaml import YAML
from tqdm import tqdm

from lowend.audio.io import resample
from lowend.synth import song as synth

ROOT = Path(__file__).resolve().parents[1]
RATE, SEED = 48000, 80_000
STAGES = {
    "download": "download.py long --out raw",
    "separate": f"separate.py --raw raw --out stems --metrics separate.json --kit {ROOT}/starter/kit/separator",
    "normalize": "normalize.py --stems stems --out audio --metrics normalize.json",
    "caption": "caption.py dubstep --audio audio --out captions.csv --metrics caption.json "
    f"--template {ROOT}/prompts/captions.yaml",
}


def write_mix(path: Path, minutes: float) -> None:
    """Songs one after the other, until the file is long enough."""
    names = synth.sub_genres("dubstep")
    song = [resample(synth.song(SEED, n, i, 60).mix, synth.SAMPLE_RATE, RATE).T for i, n in enumerate(names)]
    with sf.SoundFile(path, "w", RATE, 2, "PCM_16", format="FLAC") as file:
        for i in tqdm(range(round(minutes)), desc="minutes written"):
            file.write(0.9 * song[i % len(song)][: 60 * RATE])


def run(command: str, where: Path) -> tuple[float, float]:
    """Peak memory in GB and seconds of one stage script."""
    env = {**os.environ, "LOWEND_WORKERS": "1", "LOWEND_SCRATCH": str(where / "scratch")}
    words = [sys.executable, f"{ROOT}/src/{command.split()[0]}", *command.split()[1:]]
    start = time.monotonic()
    process = subprocess.Popen(words, cwd=where, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return usage.ru_maxrss / 1024**2, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        (where / "mix").mkdir()
        write_mix(where / "mix/mix.flac", args.minutes)
        params = YAML(typ="safe").load(ROOT / "params.yaml")
        params["sources"] = {"long": {"kind": "folder", "genre": "dubstep", "path": "mix"}}
        YAML(typ="safe").dump(params, where / "params.yaml")
        cases = []
        for stage, command in STAGES.items():
            peak, seconds = run(command, where)
            cases.append({"stage": stage, "peak_gb": round(peak, 3), "seconds": round(seconds, 1)})
            print(cases[-1], flush=True)
    worst = max(case["peak_gb"] for case in cases)
    whole = args.minutes * 60 * RATE * 2 * 4 / 1024**3
    result = {"name": "memory", "unit": "GB of a worker", "ours": worst, "reference": round(whole, 3)}
    print(json.dumps({**result, "ratio": round(whole / worst, 3), "cases": cases}))


if __name__ == "__main__":
    main()
