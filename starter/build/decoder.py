"""Give the trained EnCodec a brighter decoder; its codes stay as they are.

A waveform loss rewards leaving out what cannot be predicted, so a codec trained with one is dull:
hats and noise fade. Here encoder and codebooks are frozen, and the decoder learns from magnitudes,
with the waveform below 500 Hz alone, where phase is heard.

By hand: python decoder.py --codec work/codec.pt --out work/decoder.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import common
from codec import SAMPLE_RATE, Losses, crop
from lowend.metrics.adherence import low_share


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--codec", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("decoder")
    model, config = common.load_codec(given.codec)
    for part in (model.encoder, model.quantizer):
        part.requires_grad_(False)
    pool = common.Pool(p["seed"], p["pool"], p["fresh_every"], 20.0, channels=1)
    losses = Losses(((256, 32), (512, 48), (1024, 80), (2048, 128)))

    def reconstruct(wav: Tensor) -> Tensor:
        with torch.no_grad():
            codes, _ = model.encode(wav[:, None])
            latents = model.decode_latent(codes)
        return model.decoder(latents)[:, 0, : wav.shape[1]]

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng("decoder", step)
        wav = torch.tensor(np.stack([crop(pool.at(step), rng, SAMPLE_RATE) for _ in range(p["batch_size"])]))
        made = reconstruct(wav)
        return losses.spectral(made, wav) + 0.3 * losses.low(made, wav)

    held_pool = common.Pool(p["seed"] + 1, 10, 10**9, 20.0, channels=1)
    held = torch.tensor(np.stack([s[0][:, 0, -160_000:].astype(np.float32).sum(0) for s in held_pool.at(0)]))

    def validate() -> str:
        with torch.no_grad():
            made = torch.cat([reconstruct(wav[None]) for wav in held])
            mel = [torch.log10(losses.mel(x, 3) + 1e-4) for x in (made, held)]
        share = [np.mean([low_share(wav[None], SAMPLE_RATE) for wav in x.numpy()]) for x in (made, held)]
        return (
            f"decoder: log-mel L1 {20 * (mel[0] - mel[1]).abs().mean():.2f} dB, "
            f"SI-SDR {common.si_sdr_db(made, held).mean():.2f} dB, "
            f"power in 20-200 Hz {share[0]:.2f} (true {share[1]:.2f})"
        )

    print(validate(), flush=True)
    optimizer = torch.optim.Adam(model.decoder.parameters(), p["lr"], betas=(0.8, 0.99))
    common.run(
        "decoder", p["steps"], {"decoder": model.decoder}, optimizer, p["lr"], loss_at, validate, 200, [given.codec]
    )
    torch.save({"best_state": model.state_dict(), "xp.cfg": config}, given.out)
    given.out.with_suffix(".txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
