"""Train the starter's sub-genre tagger, whose 16-d bottleneck is the offline embedder of FAD.

By hand: python tagger.py --codec work/codec.pt --out work/tagger.pt

Half of what it hears has been through the codec, because what it judges comes out of the codec.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import common
from lowend.audio.io import resample
from lowend.models import tagger
from lowend.synth.song import SAMPLE_RATE


class CodedPool(common.Pool):
    """Songs as the mix, and as the codec decodes it at the pipeline's loudness: float16 [2, 1, S]."""

    def __init__(self, codec: Path, *args: object) -> None:
        super().__init__(*args, 12.0, channels=1)
        self.codec = codec

    def render(self, index: int) -> tuple[np.ndarray, dict]:
        stems, info = super().render(index)
        mix = stems.astype(np.float32).sum(0)
        coded = common.through_codec(self.codec, mix)[:, : mix.shape[1]]
        whole = np.zeros((2, *mix.shape), np.float16)
        whole[0], whole[1, :, : coded.shape[1]] = mix, coded
        return whole, info


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--codec", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    out = given.out
    p = common.params("tagger")
    torch.manual_seed(p["seed"])
    pool = CodedPool(given.codec, p["seed"], p["pool"], p["fresh_every"])
    model = tagger.Tagger(pool.names).train()
    size = int(tagger.WINDOW_S * SAMPLE_RATE)

    def batch(songs: list, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        chosen = [songs[rng.integers(len(songs))] for _ in range(count)]
        waves = []
        for versions, _ in chosen:
            start = rng.integers(versions.shape[2] - size)
            wav = versions[rng.integers(len(versions)), :, start : start + size].astype(np.float32)
            wav = resample(wav, SAMPLE_RATE, tagger.SAMPLE_RATE)
            waves.append(wav[0] * 10 ** (rng.uniform(-12, 3) / 20))
        labels = [pool.names.index(song[1]["sub_genre"]) for song in chosen]
        return torch.tensor(np.stack(waves), dtype=torch.float32), torch.tensor(labels)

    def loss_at(step: int) -> Tensor:
        wav, label = batch(pool.at(step), common.step_rng("tagger", step), p["batch_size"])
        return F.cross_entropy(model(wav), label, label_smoothing=0.05)

    held_pool = CodedPool(given.codec, p["seed"] + 1, 60, 10**9)
    held = batch(held_pool.at(0), np.random.default_rng(0), 240)

    def validate() -> str:
        model.eval()
        with torch.no_grad():
            found = model(held[0]).argmax(1)
        model.train()
        genre = [common.synth.STYLES[name].genre for name in pool.names]
        same = [genre[a] == genre[b] for a, b in zip(found.tolist(), held[1].tolist(), strict=True)]
        return f"held-out accuracy: sub-genre {(found == held[1]).float().mean():.3f}, genre {np.mean(same):.3f}"

    optimizer = torch.optim.AdamW(model.parameters(), p["lr"], weight_decay=1e-3)
    common.run("tagger", p["steps"], {"tagger": model}, [optimizer], p["lr"], loss_at, validate, 200, [given.codec])
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state": model.eval().state_dict(), "classes": pool.names}, out)
    (out.parent / "tagger.txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
