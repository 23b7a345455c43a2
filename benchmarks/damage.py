"""Can the metrics get worse? Clips and a model are damaged on purpose, and the metric made for it must say so.

By hand: python benchmarks/damage.py [--clips 16] [--only noise bass]

Clean clips are synthesised songs through the kit's codec, held against other songs of the same genres as an
evaluation holds clips against held-out tracks. Each damage has three strengths. It is caught if its metric
moves the wrong way from the clean clips to the first strength and on to each next one. Other clean songs
stand beside them: no metric may tell them from the clean clips, that is, intervals overlap. `weights` damages the
kit's language model itself. The last line is JSON; caught_share is 1 if every damage was caught.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
import torch
from scipy.signal import butter, sosfilt

from lowend import kit as kits
from lowend.clips import Clip
from lowend.errors import script
from lowend.metrics import bootstrap, classified, classifier, cross_entropy, listening, memorisation, mmd, sound
from lowend.metrics.classifier import Classifier, Label
from lowend.metrics.embedders import EMBEDDERS, Embeddings
from lowend.metrics.intake import Item
from lowend.metrics.parts import Parts
from lowend.metrics.reference import Ears, Real, Trained
from lowend.models import codec as codecs
from lowend.models import musicgen, tagger
from lowend.seeds import rng
from lowend.synth import song as synth
from lowend.training.data import Tokens
from lowend.workers import parallel_map

KIT = Path(__file__).resolve().parents[1] / "starter/kit"
SEED = 77_000  # of songs that nothing was trained on
STYLES = ("trap", "dubstep", "boom bap", "riddim")
SECONDS, START_S = 8.0, 4.0
RESAMPLES = 200
ANALYSIS = "librosa"  # has a build everywhere


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind: the metric made for it, the way that is worse, and three strengths of what `apply` does."""

    metric: str
    worse: int  # 1: the higher, the worse; -1: the lower
    strengths: tuple[float, float, float]
    apply: Callable[[Sequence[Item], float, Sequence[Item]], list[Item]]  # clips, strength, training clips


def _each(change: Callable[[np.ndarray, int, float], np.ndarray]) -> Callable[..., list[Item]]:
    """A change of the audio [C, S] of every clip."""

    def apply(items: Sequence[Item], strength: float, _: Sequence[Item]) -> list[Item]:
        return [replace(item, wav=change(item.wav, item.rate, strength).astype(np.float32)) for item in items]

    return apply


def noise(wav: np.ndarray, _: int, level_db: float) -> np.ndarray:
    """White noise at a level beside the clip's own."""
    return wav + 10 ** (level_db / 20) * wav.std() * rng("damage/noise").standard_normal(wav.shape)


def faster(wav: np.ndarray, _: int, factor: float) -> np.ndarray:
    """Played faster, as from a tape."""
    return soxr.resample(wav.T, factor, 1.0).T


def muffled(wav: np.ndarray, rate: int, edge_hz: float) -> np.ndarray:
    """Without what lies below an edge."""
    return sosfilt(butter(4, edge_hz, "high", fs=rate, output="sos"), wav, axis=1)


def driven(wav: np.ndarray, _: int, gain_db: float) -> np.ndarray:
    """Too loud for its format."""
    return (wav / np.abs(wav).max() * 10 ** (gain_db / 20)).clip(-1, 1)


def quiet(items: Sequence[Item], share: float, _: Sequence[Item]) -> list[Item]:
    """A share of the clips is silent."""
    return _swap(items, share, [replace(item, wav=np.zeros_like(item.wav)) for item in items])


def repeated(items: Sequence[Item], share: float, _: Sequence[Item]) -> list[Item]:
    """A share of the clips is the last one."""
    return _swap(items, share, [replace(item, wav=items[-1].wav) for item in items])


def copied(items: Sequence[Item], share: float, train: Sequence[Item]) -> list[Item]:
    """A share of the clips is cut from training tracks."""
    return _swap(items, share, [replace(item, wav=train[n % len(train)].wav) for n, item in enumerate(items)])


def foreign(items: Sequence[Item], share: float, _: Sequence[Item]) -> list[Item]:
    """A share of the clips is of the other genre: `STYLES` take turns between the two."""
    return _swap(items, share, [replace(item, wav=items[(n + 1) % len(items)].wav) for n, item in enumerate(items)])


def _swap(items: Sequence[Item], share: float, others: Sequence[Item]) -> list[Item]:
    count = round(share * len(items))
    return [*others[:count], *items[count:]]


DAMAGES = {
    "noise": Damage("mmd", 1, (-30.0, -20.0, -10.0), _each(noise)),
    "tempo": Damage("tempo_error", 1, (1.06, 1.12, 1.25), _each(faster)),
    "bass": Damage("low_share", -1, (50.0, 100.0, 200.0), _each(muffled)),
    "drive": Damage("clipped_share", 1, (12.0, 18.0, 24.0), _each(driven)),
    "silence": Damage("silent_clips", 1, (0.125, 0.25, 0.5), quiet),
    "repeat": Damage("repeated_clips", 1, (0.25, 0.5, 0.75), repeated),
    "copy": Damage("copied_clips", 1, (0.25, 0.5, 1.0), copied),
    "genre": Damage("classified_genre_right", -1, (0.25, 0.5, 1.0), foreign),
}
WEIGHTS = Damage("ce", 1, (0.1, 0.2, 0.4), lambda items, strength, train: list(items))
COLUMNS = [damage.metric for damage in (*DAMAGES.values(), WEIGHTS)]
_WIDTH = 1 + max(map(len, COLUMNS))


def _song(codec: Path, name: str, index: int) -> tuple[Item, np.ndarray]:
    """A song of a set through the codec, and its codes [K, T]."""
    style = STYLES[index % len(STYLES)]
    made = synth.song(SEED + sum(name.encode()), style, index, START_S + SECONDS)
    model = codecs.load(codec)
    start = int(START_S * synth.SAMPLE_RATE)
    mix = made.mix.mean(0, keepdims=True)[:, start : start + int(SECONDS * synth.SAMPLE_RATE)]
    codes = codecs.encode(model, mix)
    wav = codecs.decode(model, torch.from_numpy(codes[None]))[0]
    bpm, key = float(made.info["bpm"]), str(made.info["key"])
    text = f"{style} at {bpm:.0f} BPM in {key}"
    return Item(Clip(f"{name} {index}", text, style, bpm, key, 0), wav, synth.SAMPLE_RATE, False), codes


def listener(codec: Path, real: Sequence[Item], train: Sequence[tuple[Item, np.ndarray]]) -> listening.Listener:
    """The ears of an evaluation, with songs in place of the tracks of a pipeline."""
    ears = Ears(EMBEDDERS["starter"](KIT / "tagger"), tagger.load(KIT / "tagger"), None)
    model = codecs.load(codec)
    tracks = [ears.embedder.embed(*item.levelled) for item in real]
    prints = memorisation.Fingerprints([(item.clip.file, codes[0]) for item, codes in train])
    trained = [ears.embedder.embed(*item.levelled) for item, _ in train]
    pieces = [
        memorisation.nearest(codecs.encode(model, item.wav)[0].astype(np.int64), windows, prints, trained)
        for item, windows in zip(real, tracks, strict=True)
    ]
    known = Real(
        tracks=tracks,
        sub_genres=[item.clip.sub_genre for item in real],
        probabilities=[],
        low_shares=[],
        sounds=[sound.measure(item.wav, item.rate) for item in real],
        tags=[],
    )
    limits = memorisation.calibrate(pieces)
    held = Trained(prints, trained, pieces)
    return listening.Listener(
        ears, known, np.concatenate(tracks), mmd.real(tracks), held, limits, model, None, Parts({}, KIT / "separator")
    )


def _label(item: Item) -> Label:
    style = item.clip.sub_genre
    return Label("dubstep" if style in synth.sub_genres("dubstep") else "hiphop", style)


def learned(ready: listening.Listener, train: Sequence[Item], real: Sequence[Item]) -> Classifier:
    """The classifier of the training songs."""

    def songs(items: Sequence[Item], embedded: Sequence[Embeddings]) -> list[classifier.Song]:
        return [classifier.Song(_label(item), windows) for item, windows in zip(items, embedded, strict=True)]

    sides = songs(train, ready.trained.embedded), songs(real, ready.real.tracks)
    return classifier.build("starter", *sides, RESAMPLES)[0]


def judge(ready: listening.Listener, ear: Classifier, items: Sequence[Item]) -> dict[str, float]:
    """All metrics of a set of clips."""
    heard = listening.hear(ready, items)
    right = classified.hits(ear, "genre", [_label(item) for item in items], heard)
    return {
        **listening.judge(heard, ready, [None] * len(items), STYLES, ANALYSIS, RESAMPLES, "damage")[0],
        **bootstrap.mean(right, RESAMPLES, "damage").as_metrics("classified_genre_right"),
    }


@torch.no_grad()
def likelihood(unpacked: Path, songs: Sequence[tuple[Item, np.ndarray]], strength: float) -> dict[str, float]:
    """Cross-entropy of the kit's model on unseen songs, its weights changed by a share of their own spread."""
    lm = musicgen.load(unpacked / "base")
    draw = torch.Generator().manual_seed(7)
    for weight in lm.parameters():
        if weight.ndim > 1:
            weight += strength * weight.std() * torch.randn(weight.shape, generator=draw)
    rows = [Tokens(item.clip.file, codes, (item.clip.prompt,)) for item, codes in songs]
    return cross_entropy.estimates(cross_entropy.by_track(lm, rows, 8), RESAMPLES, "damage")


def apart(a: dict[str, float], b: dict[str, float], metric: str) -> bool:
    """Whether two sets' intervals of a metric do not touch; a count has none, and three clips are within chance."""
    if f"{metric}_low" not in a:
        return abs(a[metric] - b[metric]) > 3
    return a[f"{metric}_low"] > b[f"{metric}_high"] or a[f"{metric}_high"] < b[f"{metric}_low"]


def case(name: str, damage: Damage, rows: Sequence[dict[str, float]], other: dict[str, float]) -> dict[str, object]:
    """Rows are the clean set's metrics, then those of each strength."""
    path = [row[damage.metric] for row in rows]
    return {
        "damage": name,
        "metric": damage.metric,
        "strengths": list(damage.strengths),
        "clean_and_damaged": [round(value, 4) for value in path],
        "caught": all(damage.worse * (after - before) > 0 for before, after in pairwise(path)),
        "apart_at_full_strength": apart(rows[0], rows[-1], damage.metric),
        "false_alarm": apart(rows[0], other, damage.metric),
    }


def show(name: str, metrics: dict[str, float]) -> None:
    """One line of the table."""
    cells = (f"{metrics[c]:>{_WIDTH}.4f}" if c in metrics else " " * _WIDTH for c in COLUMNS)
    print(f"{name:<16}{''.join(cells)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--only", nargs="*", choices=(*DAMAGES, "weights"), default=(*DAMAGES, "weights"))
    args = parser.parse_args()
    cases = []
    unpacked = kits.unpack(KIT / "musicgen")
    sets = {
        name: list(parallel_map(partial(_song, unpacked / "codec", name), range(args.clips), f"{name} songs"))
        for name in ("clean", "other", "real", "train")
    }
    clean, other, real, train = ([item for item, _ in made] for made in sets.values())
    print(f"{'':<16}{''.join(f'{column:>{_WIDTH}}' for column in COLUMNS)}")
    ready = listener(unpacked / "codec", real, sets["train"])
    ear = learned(ready, train, real)
    before, beside = judge(ready, ear, clean), judge(ready, ear, other)
    if "weights" in args.only:
        before |= likelihood(unpacked, sets["clean"], 0.0)
        beside |= likelihood(unpacked, sets["other"], 0.0)
    show("clean", before)
    show("other clean", beside)
    for name in args.only:
        damage = DAMAGES.get(name, WEIGHTS)
        rows = [before]
        for strength in damage.strengths:
            made = damage.apply(clean, strength, train)
            rows.append(likelihood(unpacked, sets["clean"], strength) if name == "weights" else judge(ready, ear, made))
            show(f"{name} {strength:g}", rows[-1])
        cases.append(case(name, damage, rows, beside))
    result = {
        "name": "damage",
        "unit": "share of damages whose metric gets worse with each of three strengths",
        "caught_share": sum(bool(one["caught"]) for one in cases) / len(cases),
        "false_alarms": sum(bool(one["false_alarm"]) for one in cases),
        "clips": args.clips,
        "cases": cases,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    script(main)
