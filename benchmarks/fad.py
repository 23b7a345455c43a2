"""FAD of a folder of clips against a known background: ours, and frechet-audio-distance's own score on folders.

By hand: python benchmarks/fad.py [--clips 1000] [--repeats 1]

Both embed with the starter's tagger, one process, one thread, so that what differs is the work around it:
the package reads and resamples both folders at every call and keeps all audio, ours remembers the moments
of the background and takes the clips one at a time. First the two must agree on the same embeddings. The
package's score with its own cache of the background's embeddings stands beside. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from lowend.errors import script
from lowend.metrics import fad, moments, reference
from lowend.metrics.embedders import Embeddings
from lowend.metrics.moments import Moments
from lowend.models import tagger
from lowend.seeds import rng
from lowend.synth import song as synth

KIT = Path(__file__).resolve().parents[1] / "starter/kit/tagger"
SECONDS = 10.0
SONGS = 12
STYLES = {"background": ("trap", "dubstep"), "clips": ("boom bap", "riddim")}


class Package(fad.FrechetAudioDistance):  # imported after lowend, which keeps it from asking a hub for tokenizers
    """The package as published but for the embedding, which would be downloaded."""

    def __init__(self, model: tagger.Tagger) -> None:
        self.model, self.sample_rate, self.channels = model, tagger.SAMPLE_RATE, 1
        self.verbose, self.audio_load_worker = False, 8

    def get_embeddings(self, x: Sequence[np.ndarray], sr: int) -> Embeddings:
        """Embeddings [N, D] of loaded audio [S]."""
        return np.concatenate([tagger.embeddings(self.model, audio[None].astype(np.float32), sr) for audio in x])


def render(folder: Path, kind: str, count: int) -> None:
    """Clips as 16-bit WAV: passages of a few songs, each with a gain and a tilt of its own."""
    folder.mkdir()
    rate, length = synth.SAMPLE_RATE, int(SECONDS * synth.SAMPLE_RATE)
    songs = [synth.song(88_000, STYLES[kind][n % 2], n, 30.0).mix.mean(0) for n in range(SONGS)]
    for n in range(count):
        draw = rng("benchmark/fad", kind, n)
        song = songs[n % SONGS]
        start = int(draw.integers(len(song) - length))
        part = song[start : start + length]
        tilted = part + float(draw.uniform(-0.5, 0.5)) * np.concatenate([[0.0], part[:-1]])
        sf.write(folder / f"{n:05d}.wav", 0.6 * float(draw.uniform(0.3, 1)) * tilted, rate, subtype="PCM_16")


def read(path: Path) -> tuple[np.ndarray, int]:
    """Audio float32 [C, S] and Hz."""
    wav, rate = sf.read(path, dtype="float32", always_2d=True)
    return wav.T, rate


def collect(model: tagger.Tagger, folder: Path) -> Moments:
    """Moments of a folder, one clip in memory at a time."""
    return moments.collect(tagger.embeddings(model, *read(path)) for path in sorted(folder.glob("*.wav")))


def remembered(model: tagger.Tagger, folder: Path, kept: Path) -> fad.Background:
    """The background's moments from their file, or made and written there."""
    names = ("count", "mean", "scatter")
    arrays = reference.kept(kept, lambda: {name: np.asarray(getattr(collect(model, folder), name)) for name in names})
    return fad.Background(Moments(int(arrays["count"]), arrays["mean"], arrays["scatter"]))


def ours(model: tagger.Tagger, work: Path) -> float:
    """FAD of the folder `clips` to the remembered background."""
    return remembered(model, work / "background", work / "moments.npz").distance(collect(model, work / "clips"))


def timed(measure: Callable[[], float], repeats: int) -> tuple[float, list[float]]:
    """The last value and every repeat's seconds."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        value = float(measure())
        taken.append(round(time.perf_counter() - begun, 3))
    return value, taken


def peak_mib(measure: Callable[[], object]) -> float:
    """The most memory that Python and numpy hold at a time."""
    tracemalloc.start()
    measure()
    found = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return round(found, 2)


def same_embeddings(model: tagger.Tagger, work: Path) -> float:
    """How far the two values lie apart where the package reads our embeddings from its cache files."""
    paths = {}
    for kind in STYLES:
        found = [tagger.embeddings(model, *read(path)) for path in sorted((work / kind).glob("*.wav"))]
        paths[kind] = work / f"{kind}.npy"
        np.save(paths[kind], np.concatenate(found))
    theirs = Package(model).score("", "", str(paths["background"]), str(paths["clips"]))
    return abs(float(theirs) - ours(model, work))


def part_of(work: Path, name: str, count: int) -> Path:
    """A folder with the first of the clips."""
    folder = work / name
    folder.mkdir()
    for path in sorted((work / "clips").glob("*.wav"))[:count]:
        (folder / path.name).symlink_to(path)
    return folder


def growth(model: tagger.Tagger, work: Path, count: int) -> list[float]:
    """Peak memory in MiB of ours on a quarter of the clips and on all of them."""
    few = part_of(work, "quarter", max(1, count // 4))
    return [peak_mib(partial(collect, model, folder)) for folder in (few, work / "clips")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000, help="files in each of the two folders")
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    model = tagger.load(KIT)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for kind in STYLES:
            render(work / kind, kind, args.clips)
        apart = same_embeddings(model, work)
        print(f"on the same embeddings the two values lie {apart:.2e} apart")
        assert apart < 1e-3, "the two distances must agree before they are timed"
        mine, taken = timed(lambda: ours(model, work), args.repeats)
        package, both = Package(model), (str(work / "background"), str(work / "clips"))
        few = str(part_of(work, "few", 4))
        package.score(few, few)  # its resampler is compiled at the first call
        theirs, theirs_taken = timed(lambda: package.score(*both), args.repeats)
        cache = str(work / "background.npy")  # written above
        _, cached_taken = timed(lambda: package.score(*both, background_embds_path=cache), args.repeats)
        memory = growth(model, work, args.clips)
    result: dict[str, Any] = {
        "name": "fad",
        "unit": f"seconds for FAD of {args.clips} clips of {SECONDS:.0f} s to a known background (less is better)",
        "ours": statistics.median(taken),
        "reference": statistics.median(theirs_taken),
        "ratio": round(statistics.median(theirs_taken) / statistics.median(taken), 2),
        "cases": [
            {"way": "ours, moments of the background remembered", "seconds": taken, "fad": round(mine, 4)},
            {"way": "frechet-audio-distance's score on folders", "seconds": theirs_taken, "fad": round(theirs, 4)},
            {"way": "the same with its cache of the background's embeddings", "seconds": cached_taken},
            {"way": "ours, peak MiB of a quarter of the clips and of all", "mib": memory},
            {"way": "on the same embeddings, apart", "fad": apart},
        ],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    script(main)
