"""The starter's tagger: sub-genre probabilities and a 16-d embedding from two seconds of audio."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from lowend.audio.io import Wave, resample
from lowend.errors import UserError

SAMPLE_RATE = 16_000
WINDOW_S = 2.0
EMBEDDING = 16
_FFT, _HOP, _MELS = 1024, 320, 64


def _mel_bank() -> Tensor:
    import librosa

    return torch.tensor(librosa.filters.mel(sr=SAMPLE_RATE, n_fft=_FFT, n_mels=_MELS, fmin=20))  # type: ignore[attr-defined]


class Tagger(nn.Module):
    """Four convolutions over log-mels, mean and maximum over time, a 16-d bottleneck, one linear layer."""

    def __init__(self, classes: list[str]) -> None:
        super().__init__()
        self.classes = classes
        widths = (1, 16, 24, 32, 48)
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            blocks += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*blocks)
        self.neck = nn.Linear(2 * widths[-1] * (_MELS // 16), EMBEDDING)
        self.head = nn.Linear(EMBEDDING, len(classes))
        self.window: Tensor
        self.bank: Tensor
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)
        self.register_buffer("bank", _mel_bank(), persistent=False)

    def embed(self, wav: Tensor) -> Tensor:
        """Embedding [B, 16] of mono wav [B, S] at 16 kHz."""
        spectrum = torch.stft(wav, _FFT, _HOP, window=self.window, return_complex=True).abs()
        mels = torch.log10((self.bank @ spectrum.pow(2)).clamp_min(1e-6))
        features = self.body(mels[:, None] / 3).flatten(1, 2)
        pooled = torch.cat([features.mean(-1), features.amax(-1)], 1)
        out: Tensor = self.neck(pooled)
        return out

    def forward(self, wav: Tensor) -> Tensor:
        """Logits [B, classes] of mono wav [B, S] at 16 kHz."""
        out: Tensor = self.head(torch.relu(self.embed(wav)))
        return out


def load(folder: Path) -> Tagger:
    """The tagger of a kit folder.

    Raises:
        UserError: its files are missing.
    """
    path = folder / "model.safetensors"
    if not path.exists():
        raise UserError(f"{path} is missing: run `git restore starter/kit`, or `make kit`")
    classes = (folder / "classes.txt").read_text().splitlines()
    model = Tagger(classes)
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    return model.eval()


def windows(wav: Wave, rate: int, hop_s: float = 1.0) -> Tensor:
    """Mono windows [N, S] of two seconds at 16 kHz, every `hop_s` seconds; at least one."""
    mono = resample(wav.mean(0, keepdims=True), rate, SAMPLE_RATE)[0]
    size, hop = int(WINDOW_S * SAMPLE_RATE), int(hop_s * SAMPLE_RATE)
    mono = np.pad(mono, (0, max(0, size - len(mono))))
    starts = range(0, len(mono) - size + 1, hop)
    return torch.from_numpy(np.stack([mono[s : s + size] for s in starts]))


@torch.no_grad()
def embeddings(model: Tagger, wav: Wave, rate: int) -> NDArray[np.float64]:
    """Embeddings [N, 16] of a clip, one for each of its windows."""
    return model.embed(windows(wav, rate)).double().numpy()


@torch.no_grad()
def probabilities(model: Tagger, wav: Wave, rate: int) -> dict[str, float]:
    """Probability of each sub-genre, the mean over the clip's windows."""
    mean = model(windows(wav, rate)).softmax(-1).mean(0)
    return dict(zip(model.classes, mean.tolist(), strict=True))
