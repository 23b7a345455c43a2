"""Train the starter's HTDemucs (32 kHz stereo, drums / bass / other) on remixed synthetic stems.

By hand: python separator.py --out work/separator.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import common

SAMPLE_RATE = 32_000


def build(p: dict) -> tuple[torch.nn.Module, dict]:
    """The network and the keyword arguments that rebuild it."""
    from demucs.htdemucs import HTDemucs

    kwargs = {
        "sources": list(common.STEMS), "audio_channels": 2, "channels": p["channels"], "growth": 2,
        "nfft": 2048, "depth": 4, "t_layers": 1, "t_heads": 4, "t_hidden_scale": 2.0,
        "dconv_depth": 1, "dconv_comp": 8, "samplerate": SAMPLE_RATE, "segment": p["segment_s"],
    }  # fmt: skip
    return HTDemucs(**kwargs), kwargs


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--out", type=Path, required=True)
    out = args.parse_args().out
    p = common.params("separator")
    torch.manual_seed(p["seed"])
    model, kwargs = build(p)
    pool = common.Pool(p["seed"], p["pool"], p["fresh_every"], 16.0, channels=2)
    length = int(p["segment_s"] * SAMPLE_RATE)

    def crop(rng: np.random.Generator, songs: list) -> np.ndarray:
        stems, _ = songs[rng.integers(len(songs))]
        start = rng.integers(stems.shape[-1] - length)
        part = stems[..., start : start + length].astype(np.float32)
        if rng.random() < 0.4:
            for k in range(3):
                other, _ = songs[rng.integers(len(songs))]
                at = rng.integers(other.shape[-1] - length)
                part[k] = other[k, :, at : at + length]
        return part * rng.uniform(0.5, 1.2, (3, 1, 1)).astype(np.float32)

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng("separator", step)
        true = torch.tensor(np.stack([crop(rng, pool.at(step)) for _ in range(p["batch_size"])]))
        made = model(true.sum(1))
        per_stem = (made - true).abs().mean((0, 2, 3)) / true.abs().mean((0, 2, 3)).clamp_min(0.01)
        return per_stem.mean()

    held_pool = common.Pool(p["seed"] + 1, 10, 10**9, 16.0, channels=2)
    held = torch.tensor(np.stack([s[0][..., -2 * length : -length].astype(np.float32) for s in held_pool.at(0)]))

    def validate() -> str:
        model.eval()
        with torch.no_grad():
            made = model(held.sum(1))
        model.train()
        mix = held.sum(1)
        gains = []
        for k, name in enumerate(common.STEMS):
            loud = held[:, k].pow(2).mean((1, 2)) > 1e-5
            made_db = common.si_sdr_db(made[loud, k], held[loud, k])
            gain = made_db - common.si_sdr_db(mix[loud], held[loud, k])
            gains.append(f"{name} {made_db.mean():.1f} dB (+{gain.mean():.1f})")
        return "SI-SDR " + ", ".join(gains)

    optimizer = torch.optim.AdamW(model.parameters(), p["lr"], weight_decay=1e-4)
    common.run("separator", p["steps"], {"separator": model}, [optimizer], p["lr"], loss_at, validate, 200)
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state": model.state_dict(), "kwargs": kwargs}, out)
    (out.parent / "separator.txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
