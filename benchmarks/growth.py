"""Does training slow down as the data grows? Tokens/s on few tracks and on many, and the wait for the first step.

By hand: python benchmarks/growth.py [--few 40] [--many 400] [--huge 20000] [--rounds 3]

Tracks of 20 s of random codes lie in shards as encode writes them, a tenth of them held out. A round trains the
starter for some steps, from the folders on as src/train.py does, on few and on many in turn; the clock runs between
steps. The first step counts from the call of the stage, with everything that it reads first. Before any timing, a
set must give the same batches twice. The last line is JSON: `ratio` is tokens/s on many over those on few.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lowend import captions, params, shards
from lowend.errors import script
from lowend.models import base
from lowend.models.musicgen import FRAME_RATE
from lowend.seeds import rng
from lowend.shards import Member
from lowend.tracks import Track, write_tracks
from lowend.training import data, stage
from lowend.training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
SECONDS, STEPS = 20.0, 24


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """Tokens and splits of a genre of so many tracks."""
    tracks = [Track(f"{n:06d}", f"{n}.wav", caption=f"trap beat number {n}", tier=1) for n in range(count)]

    def members() -> Iterator[list[Member]]:
        for track in tracks:
            file = io.BytesIO()
            codes = rng("growth", track.id).integers(0, 1024, (4, round(SECONDS * FRAME_RATE)))
            np.save(file, codes.astype(np.int16))
            yield [Member(track.id, "mix.npy", file.getvalue())]

    shards.write(folder / "tokens" / "source", members())
    for side, part in (
        ("train", tracks[: -count // 5]),
        ("valid", tracks[-4:]),
        ("test", tracks[-4 - count // 10 : -4]),
    ):
        write_tracks(folder / "splits" / f"{side}.csv", part)
    return folder / "tokens", folder / "splits"


def config() -> TrainConfig:
    """The section `train` of params.yaml for a few steps, which are validated once, at the end."""
    found = params.build(TrainConfig, params.load("train")["train"], "train")
    return replace(found, steps=STEPS, warmup=1, validate_every=STEPS)


def settings(train: TrainConfig) -> stage.Settings:
    """Those of a stage on mixes."""
    return stage.Settings(
        0, 1e-4, "commercial", train, stage.StageConfig("base", "hiphop", "mix", 1.0, 1.0, 1.0, "own", "hiphop", 0.0)
    )


def check(tokens: Path, splits: Path) -> None:
    """The same batches from two readings of a set."""
    template, train = captions.load_template(), config()
    frames = round(train.segment_s * FRAME_RATE)
    batches = []
    for _ in range(2):
        rows = data.load(tokens, splits / "train.csv", "mix", template, frames)
        sampler = data.Sampler(rows, [], 0.0, train.batch_size, frames, 0.3, 0.3, "0/growth")
        batches.append([sampler.at(n) for n in range(4)])
    for one, two in zip(*batches, strict=True):
        assert np.array_equal(one.codes, two.codes) and one.texts == two.texts, "two readings must give one batch"


def train(init: Path, tokens: Path, splits: Path, out: Path) -> tuple[float, float]:
    """Seconds until the first step was taken, and tokens/s after it, from the median step."""
    times = [time.perf_counter()]
    settled = settings(config())
    folders = stage.Folders(init, tokens, splits, tokens, splits, out)
    stage.run("growth", folders, settled, lambda _: times.append(time.perf_counter()))
    steps = np.diff(times)
    frames = settled.train.batch_size * settled.train.segment_s * FRAME_RATE
    return float(steps[0]), frames / float(np.median(steps[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--few", type=int, default=40, help="tracks")
    parser.add_argument("--many", type=int, default=400)
    parser.add_argument("--huge", type=int, default=20_000, help="tracks whose first step is waited for")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ["LOWEND_SCRATCH"] = str(work / "scratch")
        found, lineage = base.locate(base.BaseConfig("starter", ""), ROOT / "starter/kit/musicgen")
        base.unpack(found, lineage, work / "base", work / "codec")
        sets = {count: write(work / str(count), count) for count in (args.few, args.many, args.huge)}
        check(*sets[args.many])
        speeds: dict[int, list[float]] = {args.few: [], args.many: []}
        waits: dict[int, list[float]] = {count: [] for count in sets}
        for _ in range(args.rounds):
            for count, speed in speeds.items():
                wait, pace = train(work / "base", *sets[count], work / "out")
                waits[count].append(wait)
                speed.append(pace)
        waits[args.huge].append(train(work / "base", *sets[args.huge], work / "out")[0])
    few, many = (statistics.median(speeds[count]) for count in (args.few, args.many))
    print(
        json.dumps(
            {
                "name": "growth",
                "unit": "tokens/s of training (more is better)",
                "ours": round(many),
                "reference": round(few),
                "ratio": round(many / few, 3),
                "cases": [
                    {"tracks": count, "first_step_s": [round(wait, 2) for wait in found]}
                    for count, found in waits.items()
                ],
            }
        )
    )


if __name__ == "__main__":
    script(main)
