"""The starter's ear for wobbles: at which note value the bass of a mix wobbles, where its tempo is known.

What a separator leaves of a bass above 500 Hz is too little to measure its wobble by. This network hears
the mix instead: convolutions over log-mels on a grid of beats, so that a rate looks alike at every tempo.
It learned on synthesised songs: as they are, as the starter's codec decodes them, and with codes that the
starter's model tells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from lowend import note_values
from lowend.audio.io import Wave, resample
from lowend.errors import UserError

TURNS = tuple(note_values.WOBBLES.values())
"""Turns in a beat of the rates that it tells apart."""

STEADY = len(TURNS)
"""The class of mixes whose bass does not wobble."""

FILE = "wobble.safetensors"  # beside the tagger
SAMPLE_RATE = 16_000
BEAT = 24  # frames
_SLOWEST_BPM = 100.0  # slower tempi are doubled: the music is written at 140
_LEAST_BEATS = 4
_FFT, _HOP, _MELS = 512, 160, 48
_FLOOR = 1e-3


def beat_s(bpm: float) -> float:
    """Seconds of a beat, with tempi below 100 BPM doubled until they are not."""
    while bpm < _SLOWEST_BPM:
        bpm *= 2
    return 60 / bpm


def features(wav: Wave, rate: int, bpm: float) -> NDArray[np.float32]:
    """Log-mels [48, T] of a mix [C, S], 24 frames a beat, its loudest frame at the same level everywhere.

    Empty where it is silent or shorter than four beats.
    """
    import librosa

    mono, frame_s = resample(wav.mean(0, keepdims=True), rate, SAMPLE_RATE)[0], beat_s(bpm) / BEAT
    frames = int(len(mono) / SAMPLE_RATE / frame_s)
    if frames < _LEAST_BEATS * BEAT or not mono.any():
        return np.zeros((_MELS, 0), np.float32)
    mels = librosa.feature.melspectrogram(
        y=mono, sr=SAMPLE_RATE, n_fft=_FFT, hop_length=_HOP, n_mels=_MELS, fmin=30, power=1.0
    )
    level = np.log(mels / mels.max() + _FLOOR)
    at = np.arange(frames) * frame_s * SAMPLE_RATE / _HOP
    left = np.minimum(at.astype(int), level.shape[1] - 2)
    share = np.clip(at - left, 0, 1)
    found: NDArray[np.float32] = (level[:, left] * (1 - share) + level[:, left + 1] * share).astype(np.float32)
    return found


class WobbleEar(nn.Module):
    """Three convolutions along the beats, then each frame's own opinion; the clip's is their mean."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm1d(_MELS, affine=False),
            nn.Conv1d(_MELS, width, 5, padding=2), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(width, width, 9, padding=4), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.2),
            nn.Conv1d(width, 2 * width, 25, padding=12), nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Dropout(0.3),
            nn.Conv1d(2 * width, len(TURNS) + 1, 1),
        )  # fmt: skip

    def forward(self, mels: Tensor) -> Tensor:
        """Log-probabilities [B, 7] of `TURNS` and of no wobble, from features [B, 48, T]."""
        out: Tensor = self.body(mels).softmax(1).mean(2).clamp_min(1e-6).log()
        return out


def load(folder: Path) -> WobbleEar:
    """The ear of the folder of the kit's tagger.

    Raises:
        UserError: its file is missing.
    """
    path = folder / FILE
    if not path.exists():
        raise UserError(f"{path} is missing: run `git restore starter/kit`, or `make kit`")
    ear = WobbleEar()
    ear.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    return ear.eval()


@torch.no_grad()
def rate_hz(ear: WobbleEar, wav: Wave, rate: int, bpm: float) -> float | None:
    """The rate at which the bass of a mix [C, S] wobbles, one of `TURNS` of its tempo.

    None where it does not, and where there is nothing to tell it by: silence, or under four beats.
    """
    mels = features(wav, rate, bpm)
    if not mels.shape[1]:
        return None
    heard = int(ear(torch.from_numpy(mels)[None]).argmax())
    return None if heard == STEADY else TURNS[heard] / beat_s(bpm)
