"""Finish the separator on songs as they are mixed, with the measure that it is judged by.

The absolute error of separator.py, over stems of different songs, gets a fresh network going; at the end
it spends most on the loudest stem. Here every stem of every song counts alike, in decibels.

By hand: python refine.py --separator work/separator.pt --out work/refined.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import common

FLOOR = 1e-3  # of the mix's power: what is 30 dB below the mix is silence


def distortion_db(made: Tensor, true: Tensor) -> Tensor:
    """Power of the error over that of the stem, in dB, of [B, K, C, S] -> [B, K]; below zero is better.

    The negative SDR, softened so that a silent stem asks for silence instead of dividing by zero.
    """
    floor = FLOOR * true.sum(1, keepdim=True).pow(2).mean((2, 3)) + 1e-8
    error, power = (x.pow(2).mean((2, 3)) + floor for x in (made - true, true))
    return 10 * torch.log10(error / power)


def main() -> None:
    from demucs.htdemucs import HTDemucs

    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--separator", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("refine")
    package = torch.load(given.separator, weights_only=True)
    model = HTDemucs(**package["kwargs"])
    model.load_state_dict(package["state"])
    pool = common.Pool(p["seed"], p["pool"], p["fresh_every"], 16.0, channels=2)
    length = int(package["kwargs"]["segment"] * package["kwargs"]["samplerate"])

    def crops(songs: list, rng: np.random.Generator) -> Tensor:
        parts = []
        for _ in range(p["batch_size"]):
            stems, _ = songs[rng.integers(len(songs))]
            start = rng.integers(stems.shape[-1] - length)
            parts.append(stems[..., start : start + length].astype(np.float32) * np.float32(rng.uniform(0.4, 1.1)))
        return torch.tensor(np.stack(parts))

    def loss_at(step: int) -> Tensor:
        true = crops(pool.at(step), common.step_rng("refine", step))
        return distortion_db(model(true.sum(1)), true).mean() / 10

    held_pool = common.Pool(p["seed"] + 1, 20, 10**9, 16.0, channels=2)
    held = torch.tensor(np.stack([s[0][..., -2 * length : -length].astype(np.float32) for s in held_pool.at(0)]))

    @torch.no_grad()
    def validate() -> str:
        model.eval()
        found = -distortion_db(model(held.sum(1)), held).mean(0)
        model.train()
        return "SDR " + ", ".join(f"{name} {db:.1f} dB" for name, db in zip(common.STEMS, found, strict=True))

    print(validate(), flush=True)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), p["lr"], weight_decay=1e-4)
    inputs = [given.separator]
    common.run("refine", p["steps"], {"separator": model}, [optimizer], p["lr"], loss_at, validate, 200, inputs)
    torch.save({"state": model.state_dict(), "kwargs": package["kwargs"]}, given.out)
    given.out.with_suffix(".txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
