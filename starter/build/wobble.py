"""Train the starter's ear for wobbles on mixes whose rates the synthesiser knows, and add it to the kit.

By hand: python wobble.py --packed work/packed --out kit

Each song is heard as it is, as the kit's codec decodes it, and with a share of its codes as the kit's model
tells them: clips sound like that, and an ear that knew clean songs alone would hear in a rough clip whatever
is usual. Rates are met equally often, for the same reason. A quarter of the songs do not wobble: songs of
other genres, and drops whose bass is taken out, so that drums and chords alone do not pass for a wobble.
"""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

import common
import pack
import wording
from lowend import captions
from lowend import kit as kits
from lowend.models import codec as codecs
from lowend.models import musicgen, wobbles
from lowend.synth import song as synth
from lowend.tracks import Track
from lowend.training import loss
from lowend.workers import parallel_map

SONG_S, PASSAGE_S = 24.0, 8.0
BEATS = 16  # of a sequence in training
RETOLD = 0.5  # share of codes that the model tells; a song's is drawn, up to twice that
VERSIONS = 3
FASTER = 0.02  # tempi that are up to so much off, as those of generated clips are
WOBBLING = synth.sub_genres("dubstep")
OTHERS = [name for name in synth.STYLES if name not in WOBBLING]

Row = tuple[list[np.ndarray], int, str]


def draw(index: int) -> tuple[str, bool]:
    """Style of a song, and whether its bass is heard: three in four wobble, one in eight has lost its bass."""
    turn, place = divmod(index, 8)
    if place == 7:
        return OTHERS[turn % len(OTHERS)], True
    return WOBBLING[(turn + place) % len(WOBBLING)], place != 6


def versions(wav: np.ndarray, text: str, models: Path, index: int) -> list[np.ndarray]:
    """A passage [1, S] as loud as the pipeline, as it is, decoded, and decoded with codes of the model's own."""
    wav, (codec, lm) = common.levelled(wav), common.load_packed(models)
    codes = torch.from_numpy(codecs.encode(codec, wav)[None]).long()
    told = loss.retold(lm, codes, musicgen.embed(lm, [text]), RETOLD, torch.Generator().manual_seed(index))
    return [wav, *codecs.decode(codec, torch.cat([codes, told]))]


def hear(index: int, seed: int, models: Path) -> Row:
    """Features of a passage in its versions, its class, and its style."""
    style, has_bass = draw(index)
    song = synth.song(seed, style, index, SONG_S)
    opens = "drop" if style in WOBBLING else song.sections[len(song.sections) // 2][0]
    start_s = next(start for name, start, _ in song.sections if name == opens)
    wobbling = has_bass and song.wobble_hz
    label = common.wobble_class(wobbling[0], song.bar_s) if wobbling else wobbles.STEADY
    mix = sum(wav for name, wav in song.stems.items() if has_bass or name != "bass").mean(0, keepdims=True)
    first = int(start_s * synth.SAMPLE_RATE)
    wav = mix[:, first : first + int(PASSAGE_S * synth.SAMPLE_RATE)].astype(np.float32)
    text = captions.caption(Track(id=str(index), file_path="", **song.info), wording.template())
    bpm, heard = float(song.info["bpm"]), versions(wav, text, models, index)
    return [wobbles.features(sound, synth.SAMPLE_RATE, bpm).astype(np.float16) for sound in heard], label, style


def chosen(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Places of `count` labels, each kind of label equally often in the long run."""
    kinds, kind, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return rng.choice(len(labels), count, p=1 / (len(kinds) * sizes[kind]))


def sequence(mels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`BEATS` beats [48, T] from anywhere in a passage that goes round, at a tempo that is a little off."""
    frames = BEATS * wobbles.BEAT
    pace = 1 + rng.uniform(-FASTER, FASTER)
    at = rng.integers(mels.shape[1]) + np.arange(frames) * pace
    left = at.astype(int)
    share = (at - left).astype(np.float32)
    around = mels.shape[1]
    return mels[:, left % around] * (1 - share) + mels[:, (left + 1) % around] * share


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--packed", type=Path, required=True, help="what pack.py wrote")
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("wobble")
    torch.manual_seed(p["seed"])
    models = kits.unpack(given.packed / "musicgen")
    rows, held = (
        list(parallel_map(partial(hear, seed=p["seed"] + n, models=models), range(count), "wobbles"))
        for n, count in enumerate((p["songs"], p["held"]))
    )
    labels = np.array([label for _, label, _ in rows])
    ear = wobbles.WobbleEar().train()

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng("wobble", step)
        at = chosen(labels, p["batch_size"], rng)
        heard = (rows[i][0][rng.integers(VERSIONS)] for i in at)
        mels = np.stack([sequence(version.astype(np.float32), rng) for version in heard])
        mels += rng.normal(0, p["tilt"], (len(mels), mels.shape[1], 1)).astype(np.float32)
        return F.nll_loss(ear(torch.from_numpy(mels)), torch.from_numpy(labels[at]))

    @torch.no_grad()
    def right(version: int) -> list[bool]:
        heard = [torch.from_numpy(mels[version].astype(np.float32))[None] for mels, _, _ in held]
        return [int(ear(mels).argmax()) == label for mels, (_, label, _) in zip(heard, held, strict=True)]

    def validate() -> str:
        ear.eval()
        decoded, told = right(1), right(2)
        ear.train()
        kinds = [*WOBBLING, "steady"]
        of = [style if label != wobbles.STEADY else "steady" for _, label, style in held]
        each = [f"{kind} {np.mean([r for r, k in zip(decoded, of, strict=True) if k == kind]):.3f}" for kind in kinds]
        return (
            f"held-out wobbles through the codec, right: {np.mean(decoded):.3f} ({', '.join(each)}), "
            f"{np.mean(told):.3f} with half of the codes as the model tells them"
        )

    optimizer = torch.optim.AdamW(ear.parameters(), p["lr"], weight_decay=0.1)
    inputs = [given.packed / "musicgen"]
    common.run("wobble", p["steps"], {"ear": ear}, [optimizer], p["lr"], loss_at, validate, 400, inputs)
    shutil.copytree(given.packed, given.out, dirs_exist_ok=True)
    save_file(pack.half(ear.eval().state_dict()), given.out / "tagger" / wobbles.FILE)
    with (given.out / "figures.txt").open("a") as figures:
        figures.write(validate() + "\n")


if __name__ == "__main__":
    main()
