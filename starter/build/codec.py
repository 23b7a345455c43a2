"""Train the starter's EnCodec (audiocraft's classes, 32 kHz mono, 50 Hz, 4 codebooks) on synthesis.

By hand: python codec.py --out work/codec.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from torch import Tensor, nn

import common
from lowend.audio.lowband import bass_band

SAMPLE_RATE = 32_000


def config(p: dict) -> OmegaConf:
    """The `xp.cfg` that audiocraft rebuilds the codec from.

    GELU instead of ELU, and no weight normalisation: on a CPU each step takes half the time.
    """
    return OmegaConf.create(
        {
            "compression_model": "encodec",
            "sample_rate": SAMPLE_RATE,
            "channels": 1,
            "device": "cpu",
            "dtype": "float32",
            "encodec": {
                "autoencoder": "seanet", "quantizer": "rvq", "sample_rate": SAMPLE_RATE,
                "channels": 1, "causal": False, "renormalize": False,
            },
            "seanet": {
                "dimension": p["dimension"], "channels": 1, "causal": False,
                "n_filters": p["filters"], "n_residual_layers": 1, "ratios": [8, 5, 4, 4],
                "activation": "GELU", "activation_params": {}, "norm": "none",
                "norm_params": {}, "kernel_size": 7, "residual_kernel_size": 3,
                "last_kernel_size": 7, "dilation_base": 2, "pad_mode": "constant",
                "true_skip": True, "compress": 2, "lstm": 1, "disable_norm_outer_blocks": 0,
                "encoder": {},
                "decoder": {
                    "trim_right_ratio": 1.0, "final_activation": None,
                    "final_activation_params": None,
                },
            },
            "rvq": {
                "n_q": 4, "q_dropout": False, "bins": p["bins"], "decay": 0.99,
                "kmeans_init": True, "kmeans_iters": 10, "threshold_ema_dead_code": 0,
                "orthogonal_reg_weight": 0.0, "orthogonal_reg_active_codes_only": False,
            },
        }
    )  # fmt: skip


@torch.no_grad()
def scale_layers(model: nn.Module, wav: Tensor) -> None:
    """LSUV: set each convolution so that its output has unit variance on real input.

    PyTorch's default shrinks the signal layer by layer, and training then collapses to silence
    (Mishkin & Matas, 2016).
    """
    convs = [
        m
        for part in (model.encoder, model.decoder)
        for m in part.modules()
        if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)
    ]
    for conv in convs:
        if conv.bias is not None:
            conv.bias.zero_()
    for conv in convs:
        seen: dict[str, Tensor] = {}
        hook = conv.register_forward_hook(lambda _m, _i, out, seen=seen: seen.update(std=out.std()))
        model.decoder(model.encoder(wav))
        hook.remove()
        conv.weight.mul_((0.2 if conv is convs[-1] else 1.0) / (seen["std"] + 1e-6))


@torch.no_grad()
def start_codebooks(model: nn.Module, latents: Tensor) -> None:
    """K-means of `latents` [N, D], one codebook after another on what the last one left."""
    rest = latents
    for layer in model.quantizer.vq.layers:
        book = layer._codebook
        centres = rest[torch.randperm(len(rest))[: book.codebook_size]].clone()
        for _ in range(10):
            nearest = torch.cdist(rest, centres).argmin(1)
            count = torch.bincount(nearest, minlength=len(centres)).float()
            total = torch.zeros_like(centres).index_add_(0, nearest, rest)
            spare = rest[torch.randint(0, len(rest), (len(centres),))]
            centres = torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], spare)
        weight = (count * 400 / len(rest)).clamp(min=0.05)
        book.embed.copy_(centres)
        book.cluster_size.copy_(weight)
        book.embed_avg.copy_(centres * weight[:, None])
        book.inited.fill_(1)
        rest = rest - book.dequantize(book.quantize(rest))


@torch.no_grad()
def revive_dead_codes(model: nn.Module, latents: Tensor) -> None:
    """Move unused codes onto data; audiocraft's own revival is undone by its EMA copy."""
    rest = latents
    for layer in model.quantizer.vq.layers:
        book = layer._codebook
        dead = book.cluster_size < 0.15
        if dead.any():
            fresh = rest[torch.randint(0, len(rest), (int(dead.sum()),))]
            book.embed[dead] = fresh
            book.embed_avg[dead] = fresh
            book.cluster_size[dead] = 1.0
        rest = rest - book.dequantize(book.quantize(rest))


class Losses:
    """Log-mel and relative waveform losses; the relative ones keep quiet passages and bass alive."""

    SCALES = ((256, 32), (512, 48), (1024, 80), (2048, 128))  # FFT size, mel bands

    def __init__(self) -> None:
        self.scales = [
            (n, torch.hann_window(n), torch.tensor(librosa.filters.mel(sr=SAMPLE_RATE, n_fft=n, n_mels=m)))
            for n, m in self.SCALES
        ]

    def mel(self, wav: Tensor, scale: int) -> Tensor:
        """Mel magnitudes [B, M, T] of wav [B, S]."""
        n, window, bank = self.scales[scale]
        spec = torch.stft(wav, n, n // 4, window=window, return_complex=True)
        return bank * (n / 512) @ (spec.abs().clamp_min(1e-5) / window.sum() * 2)

    def spectral(self, made: Tensor, true: Tensor, linear: float) -> Tensor:
        """Difference of log-mels, and `linear` times that of mels, which speaks for what is loud."""
        total = made.new_zeros(())
        for i in range(len(self.scales)):
            a, b = self.mel(made, i), self.mel(true, i)
            total = total + (torch.log10(a + 1e-4) - torch.log10(b + 1e-4)).abs().mean() + linear * (a - b).abs().mean()
        return total / len(self.scales)

    @staticmethod
    def relative(made: Tensor, true: Tensor) -> Tensor:
        error = (made - true).pow(2).sum(-1).add(1e-3).sqrt()
        return (error / true.pow(2).sum(-1).add(1e-1).sqrt()).mean()

    def low(self, made: Tensor, true: Tensor) -> Tensor:
        """The relative loss of what lies below about 500 Hz."""
        return self.relative(*(F.avg_pool1d(F.avg_pool1d(x[:, None], 32, 16), 4, 2)[:, 0] for x in (made, true)))

    def learning(self, made: Tensor, true: Tensor) -> Tensor:
        """Of the whole codec: the waveform of the bass, magnitudes of all, a little of the waveform."""
        return 1.5 * self.spectral(made, true, 3.0) + 0.1 * self.relative(made, true) + 1.5 * self.low(made, true)

    def finishing(self, made: Tensor, true: Tensor) -> Tensor:
        """Of the decoder alone: mostly log-mels.

        A waveform loss rewards leaving out what cannot be predicted, so hats and noise fade.
        """
        return 3.0 * self.spectral(made, true, 1.0) + self.low(made, true)


def perplexity(codes: Tensor) -> float:
    """Perplexity of codes [T]: how many equally frequent ones would say as much."""
    share = torch.bincount(codes).double() / len(codes)
    return float(torch.exp(torch.special.entr(share).sum()))


def crop(songs: list, rng: np.random.Generator, length: int) -> np.ndarray:
    """One random view of one random song, [S]: the mix half of the time, else some of its stems."""
    while True:
        stems, _ = songs[rng.integers(len(songs))]
        start = rng.integers(stems.shape[-1] - length)
        part = stems[:, 0, start : start + length].astype(np.float32)
        keep = (rng.random(3) < 0.5) | (rng.random() < 0.5)
        wav = part[keep].sum(0) if keep.any() else part.sum(0)
        if np.abs(wav).max() > 0.02:
            return wav * rng.uniform(0.4, 1.1)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--out", type=Path, required=True)
    out = args.parse_args().out
    p = common.params("codec")
    from audiocraft.models import builders

    torch.manual_seed(p["seed"])
    cfg = config(p)
    model = builders.get_compression_model(cfg).train()
    pool = common.Pool(p["seed"], p["pool"], p["fresh_every"], 20.0, channels=1)
    losses = Losses()
    recent: list[Tensor] = []
    rng = common.step_rng("lsuv", 0)
    scale_layers(model, torch.tensor(np.stack([crop(pool.at(0), rng, 2 * SAMPLE_RATE) for _ in range(8)]))[:, None])

    frozen = round(p["steps"] * p["frozen_from"])

    def encode(wav: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model.encoder(wav[:, None]).float()

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng("codec", step)
        wav = torch.tensor(np.stack([crop(pool.at(step), rng, SAMPLE_RATE) for _ in range(p["batch_size"])]))
        penalty = wav.new_zeros(())
        if step < frozen:
            latents = encode(wav)
            recent.append(latents.detach().transpose(1, 2).flatten(0, 1))
            del recent[:-64]
        else:
            model.quantizer.eval()
            with torch.no_grad():
                latents = encode(wav)
        if step == p["unquantised_steps"]:
            start_codebooks(model, torch.cat(recent))
        if step >= p["unquantised_steps"]:
            if step % 50 == 0 and step < frozen:
                revive_dead_codes(model, torch.cat(recent[-8:]))
            quantised = model.quantizer(latents, 50)
            latents, penalty = quantised.x, quantised.penalty
        with torch.autocast("cpu", torch.bfloat16):
            made = model.decoder(latents)[..., :SAMPLE_RATE][:, 0]
        measure = losses.learning if step < frozen else losses.finishing
        return measure(made.float(), wav) + 0.25 * penalty

    held_pool = common.Pool(p["seed"] + 1, 10, 10**9, 20.0, channels=1)
    held = torch.tensor(np.stack([s[0][:, 0, -320_000:].astype(np.float32).sum(0) for s in held_pool.at(0)]))

    def validate() -> str:
        model.eval()
        with torch.no_grad():
            made, codes = [], []
            for wav in held:
                code, _ = model.encode(wav[None, None])
                codes.append(code[0])
                made.append(model.decode(code)[0, 0, : len(wav)])
            made_ = torch.stack(made)
            mel = [torch.log10(losses.mel(x, 3) + 1e-4) for x in (made_, held)]
            used = [round(perplexity(book)) for book in torch.cat(codes, 1)]
        model.train()
        low = [torch.from_numpy(bass_band(x.numpy(), SAMPLE_RATE)) for x in (made_, held)]
        return (
            f"log-mel L1 {20 * (mel[0] - mel[1]).abs().mean():.2f} dB, "
            f"SI-SDR {common.si_sdr_db(made_, held).mean():.2f} dB, "
            f"of 20-200 Hz {common.si_sdr_db(*low).mean():.2f} dB, perplexities {used}"
        )

    optimizer = torch.optim.Adam(model.parameters(), p["lr"], betas=(0.8, 0.99))
    common.run("codec", p["steps"], {"codec": model}, [optimizer], p["lr"], loss_at, validate, 200)
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"best_state": model.eval().state_dict(), "xp.cfg": OmegaConf.to_yaml(cfg)}, out)
    (out.parent / "codec.txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
