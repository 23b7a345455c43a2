"""Train the starter's ear for wobbles on mixes whose rates the synthesiser knows.

By hand: python wobble.py --codec work/codec.pt --out work/wobble.pt

Each song is heard as it is and as the codec decodes it. A quarter of them do not wobble: songs of other
genres, and drops whose bass is taken out, so that drums and chords alone do not pass for a wobble.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import common
from lowend.models import wobbles
from lowend.synth import song as synth
from lowend.workers import parallel_map

SONG_S, PASSAGE_S = 24.0, 8.0
BEATS = 16  # of a sequence in training
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


def rate_of(song: synth.Song, start_s: float) -> int:
    """The place in `TURNS` of the rate that sounds longest in a passage; the passage must wobble."""
    sounding: dict[float, float] = {}
    for event in song.events:
        overlap = min(event.start_s + event.length_s, start_s + PASSAGE_S) - max(event.start_s, start_s)
        if event.lfo_hz and overlap > 0:
            sounding[event.lfo_hz] = sounding.get(event.lfo_hz, 0.0) + overlap
    return common.wobble_class(max(sounding, key=lambda hz: sounding[hz]), song.bar_s)


def hear(index: int, seed: int, codec: Path) -> Row:
    """Features of a passage, as it is and through the codec, its class, and its style."""
    style, has_bass = draw(index)
    song = synth.song(seed, style, index, SONG_S)
    opens = "drop" if style in WOBBLING else song.sections[len(song.sections) // 2][0]
    start_s = next(start for name, start, _ in song.sections if name == opens)
    label = rate_of(song, start_s) if style in WOBBLING and has_bass else wobbles.STEADY
    mix = sum(wav for name, wav in song.stems.items() if has_bass or name != "bass").mean(0, keepdims=True)
    first = int(start_s * synth.SAMPLE_RATE)
    wav = mix[:, first : first + int(PASSAGE_S * synth.SAMPLE_RATE)].astype(np.float32)
    bpm, both = float(song.info["bpm"]), (wav, common.through_codec(codec, wav))
    return [wobbles.features(sound, synth.SAMPLE_RATE, bpm).astype(np.float16) for sound in both], label, style


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
    args.add_argument("--codec", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("wobble")
    torch.manual_seed(p["seed"])
    rows, held = (
        list(parallel_map(partial(hear, seed=p["seed"] + n, codec=given.codec), range(count), "wobbles"))
        for n, count in enumerate((p["songs"], p["held"]))
    )
    ear = wobbles.WobbleEar().train()

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng("wobble", step)
        chosen = [rows[i] for i in rng.integers(len(rows), size=p["batch_size"])]
        mels = np.stack([sequence(versions[rng.integers(2)].astype(np.float32), rng) for versions, _, _ in chosen])
        mels += rng.normal(0, p["tilt"], (len(mels), mels.shape[1], 1)).astype(np.float32)
        return F.nll_loss(ear(torch.from_numpy(mels)), torch.tensor([label for _, label, _ in chosen]))

    @torch.no_grad()
    def validate() -> str:
        ear.eval()
        found = [int(ear(torch.from_numpy(coded.astype(np.float32))[None]).argmax()) for (_, coded), _, _ in held]
        ear.train()
        right = [guess == label for guess, (_, label, _) in zip(found, held, strict=True)]
        kinds = [*WOBBLING, "steady"]
        of = [style if label != wobbles.STEADY else "steady" for _, label, style in held]
        each = [f"{kind} {np.mean([r for r, k in zip(right, of, strict=True) if k == kind]):.3f}" for kind in kinds]
        return f"held-out wobbles through the codec, right: {np.mean(right):.3f} ({', '.join(each)})"

    optimizer = torch.optim.AdamW(ear.parameters(), p["lr"], weight_decay=0.1)
    common.run("wobble", p["steps"], {"ear": ear}, [optimizer], p["lr"], loss_at, validate, 400, [given.codec])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(ear.eval().state_dict(), given.out)
    (given.out.parent / "wobble.txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
