"""PANNs' Cnn14 for 16 kHz (Kong et al., 2020): 2048 dimensions of up to ten seconds, from AudioSet's tags.

The network is the one that `frechet-audio-distance` brings. Its own figure for it takes all numbers of all clips for
one variable (0.3.4, as it joins vectors end to end), so it compares with no other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lowend.audio import windows
from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.models import weights
from lowend.models.weights import Published

PUBLISHED = Published("Cnn14_16k_mAP=0.438.pth", "https://zenodo.org/record/3987831/files/Cnn14_16k_mAP%3D0.438.pth")
SAMPLE_RATE = 16_000
EMBEDDING = 2048
WINDOW_S = 10.0
"""AudioSet's clips, which the network learned from; its pooling tells a longer one from a shorter."""
_HOP_S = 1.0
_SHORTEST = 5120  # samples: five halvings of 32 frames
_BATCH = 4


def network() -> nn.Module:
    """An untrained Cnn14."""
    from frechet_audio_distance.models.pann import Cnn14_16k

    model: nn.Module = Cnn14_16k(
        sample_rate=SAMPLE_RATE, window_size=512, hop_size=160, mel_bins=64, fmin=50, fmax=8000, classes_num=527
    )
    return model


def load(name: str, param: str, off: str) -> nn.Module:
    """The model of the file, folder or repository that `param` names; `off` is the setting that does without.

    Raises:
        UserError: there is no such file, or it holds another model.
    """
    path = weights.find(name, param, PUBLISHED, off)
    package = weights.read(path)
    if "model" not in package:
        raise UserError(f'{path} does not hold the weights of Cnn14: it has no "model"; download {PUBLISHED.url}')
    model = network()
    weights.fill(model, package["model"], path, "Cnn14 for 16 kHz")
    return model.eval()


@torch.no_grad()
def embeddings(model: Any, wav: Wave, rate: int) -> NDArray[np.float64]:
    """Embeddings [N, 2048] of a clip [C, S], one for every ten seconds that begin on a whole second; at least one.

    A clip that is shorter is heard as it is.
    """
    mono = resample(wav.mean(0, keepdims=True), rate, SAMPLE_RATE)[0]
    mono = np.pad(mono, (0, max(0, _SHORTEST - len(mono))))
    heard = np.stack(windows.sliding(mono, int(WINDOW_S * SAMPLE_RATE), int(_HOP_S * SAMPLE_RATE)))
    where = next(model.parameters()).device
    found = [model(part.to(where))["embedding"] for part in torch.from_numpy(heard).split(_BATCH)]
    return torch.cat(found).double().cpu().numpy()
