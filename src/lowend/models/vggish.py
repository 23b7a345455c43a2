"""VGGish (Hershey et al., 2017): 128 dimensions of 0.96 s, the embedding that FAD was published with.

The network and the names of its tensors are those of torchvggish, whose checkpoint is read. As the published FAD
tools have it, embeddings are what the last layer gives: neither rectified nor whitened nor rounded to bytes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lowend.audio.io import Wave, resample
from lowend.models import weights
from lowend.models.weights import Published

PUBLISHED = Published(
    "vggish-10086976.pth", "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
)
SAMPLE_RATE = 16_000
EMBEDDING = 128
_WINDOW, _HOP, _FFT = 400, 160, 512  # samples: 25 and 10 ms
_MELS, _LOW_HZ, _HIGH_HZ = 64, 125.0, 7500.0
_OFFSET = 0.01  # added to mel magnitudes before the logarithm
_FRAMES = 96  # in an example: 0.96 s
_BATCH = 16
_WIDTHS = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0)  # of convolutions; 0 halves both axes


class VGGish(nn.Module):
    """Six convolutions over log-mels, and three linear layers."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for width in _WIDTHS:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
            inputs = width or inputs
        self.features = nn.Sequential(*layers)
        size = inputs * (_FRAMES // 16) * (_MELS // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(size, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, EMBEDDING)
        )

    def forward(self, mels: Tensor) -> Tensor:
        """Embeddings [N, 128] of log-mel examples [N, 96, 64]."""
        features = self.features(mels[:, None])
        out: Tensor = self.embeddings(features.permute(0, 2, 3, 1).flatten(1))  # channels last, as in TensorFlow
        return out


def load(name: str, param: str, off: str) -> VGGish:
    """The model of the file, folder or repository that `param` names; `off` is the setting that does without.

    Raises:
        UserError: there is no such file, or it holds another model.
    """
    path = weights.find(name, param, PUBLISHED, off)
    with torch.device("meta"):  # the checkpoint's tensors become the model's: 72 million drawn at random are not needed
        model = VGGish()
    weights.fill(model, weights.read(path), path, "VGGish")
    return model.eval()


@lru_cache(maxsize=1)
def _mel_bank() -> NDArray[np.float64]:
    """Triangles over 257 frequencies, straight in mel: [257, 64]. Librosa's are straight in Hz."""
    mel = 1127 * np.log1p(np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1) / 700)
    edges = np.linspace(1127 * np.log1p(_LOW_HZ / 700), 1127 * np.log1p(_HIGH_HZ / 700), _MELS + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (mel[:, None] - low) / (middle - low), (high - mel[:, None]) / (high - middle)
    return np.minimum(rising, falling).clip(0)


def log_mel(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """log(mel + 0.01) of the magnitudes of mono audio [S] at 16 kHz, 100 whole frames a second: float32 [T, 64]."""
    frames = np.lib.stride_tricks.sliding_window_view(mono.astype(np.float64), _WINDOW)[::_HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / _WINDOW * np.arange(_WINDOW))
    magnitudes = np.abs(np.fft.rfft(frames * hann, _FFT))
    return np.log(magnitudes @ _mel_bank() + _OFFSET).astype(np.float32)


def examples(mono: NDArray[np.float32]) -> Tensor:
    """Log-mels [N, 96, 64] of mono audio [S] at 16 kHz, end to end; what is left over is not heard.

    Audio that is shorter than one, 0.975 s, is padded with silence.
    """
    shortest = (_FRAMES - 1) * _HOP + _WINDOW
    mels = log_mel(np.pad(mono, (0, max(0, shortest - len(mono)))))
    count = len(mels) // _FRAMES
    return torch.from_numpy(mels[: count * _FRAMES].reshape(count, _FRAMES, _MELS))


@torch.no_grad()
def embeddings(model: VGGish, wav: Wave, rate: int) -> NDArray[np.float64]:
    """Embeddings [N, 128] of a clip [C, S], one for each of its examples."""
    mono = resample(wav.mean(0, keepdims=True), rate, SAMPLE_RATE)[0]
    where = next(model.parameters()).device
    return torch.cat([model(part.to(where)) for part in examples(mono).split(_BATCH)]).double().cpu().numpy()
