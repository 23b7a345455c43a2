"""musicnn's published music taggers (Pons & Serra, 2019) in torch, from the weights inside its package.

The package `musicnn` is only read, never imported: its code needs TensorFlow. Two models are in it:
`MSD_musicnn` was trained on the Million Song Dataset, `MTT_musicnn` on MagnaTagATune.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.models import tensorflow_bundle

MODELS = ("MSD_musicnn", "MTT_musicnn")
SAMPLE_RATE = 16_000
WINDOW = 187
"""Frames in a window: three seconds of 62.5 frames a second."""
HOP = 62
"""Frames between windows: one second, as the starter's tagger has it."""
EMBEDDING = 200
_FFT, _HOP_SAMPLES, _MELS = 512, 256, 96
_EPSILON = 1e-3  # TensorFlow's batch normalisation; torch's default is 1e-5
_TIMBRAL, _TEMPORAL, _MID = 204, 51, 64
_BATCH = 16


class Heard(NamedTuple):
    """What the network makes of N windows."""

    logits: Tensor  # [N, 50]
    embedding: Tensor  # [N, 200], the penultimate layer
    pooled: Tensor  # [N, 753], mean over time of the front end's and the mid end's features


class _Filters(nn.Module):
    """A convolution with its padding (left, right, top, bottom), rectified and normalised: [B, 1, T, F] in."""

    def __init__(self, filters: int, size: tuple[int, int], pad: tuple[int, int]) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 0, *pad))
        self.conv = nn.Conv2d(1, filters, size)
        self.norm = nn.BatchNorm2d(filters, eps=_EPSILON)

    def forward(self, mels: Tensor) -> Tensor:
        """The largest answer over all frequencies, [B, filters, T]."""
        out: Tensor = self.norm(torch.relu(self.conv(self.pad(mels)))).amax(3)
        return out


class _Mid(nn.Module):
    """Seven frames of all channels, rectified and normalised: [B, D, T] -> [B, 64, T]."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, _MID, 7, padding=3)
        self.norm = nn.BatchNorm1d(_MID, eps=_EPSILON)

    def forward(self, features: Tensor) -> Tensor:
        """[B, D, T] -> [B, 64, T]."""
        out: Tensor = self.norm(torch.relu(self.conv(features)))
        return out


class Musicnn(nn.Module):
    """Timbral and temporal filters over log-mels, three dense convolutions, pooling over time, two linear layers."""

    def __init__(self, tags: list[str]) -> None:
        super().__init__()
        self.tags = tags
        self.norm = nn.BatchNorm2d(1, eps=_EPSILON)
        # TensorFlow pads an even filter by one more at its end than at its start.
        self.front = nn.ModuleList(
            [
                *(_Filters(_TIMBRAL, (7, int(share * _MELS)), (3, 3)) for share in (0.4, 0.7)),
                *(_Filters(_TEMPORAL, (size, 1), ((size - 1) // 2, size // 2)) for size in (128, 64, 32)),
            ]
        )
        width = 2 * _TIMBRAL + 3 * _TEMPORAL
        self.mid = nn.ModuleList([_Mid(width), _Mid(_MID), _Mid(_MID)])
        self.pool_norm = nn.BatchNorm1d(2 * (width + 3 * _MID), eps=_EPSILON)
        self.neck = nn.Linear(2 * (width + 3 * _MID), EMBEDDING)
        self.neck_norm = nn.BatchNorm1d(EMBEDDING, eps=_EPSILON)
        self.head = nn.Linear(EMBEDDING, len(tags))

    def forward(self, mels: Tensor) -> Heard:
        """Log-mels [N, T, 96] of `windows` -> what is heard in each."""
        normal = self.norm(mels[:, None])
        features = [torch.cat([block(normal) for block in self.front], 1)]
        features.append(self.mid[0](features[0]))
        for block in self.mid[1:]:
            features.append(block(features[-1]) + features[-1])
        dense = torch.cat(features, 1)
        mean = dense.mean(2)
        both = torch.stack([dense.amax(2), mean], 2).flatten(1)  # TensorFlow's order: the two of each channel in turn
        embedding = self.neck_norm(torch.relu(self.neck(self.pool_norm(both))))
        return Heard(self.head(embedding), embedding, mean)


def _layers(model: Musicnn) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
    """Convolutions, normalisations and linear layers in the order in which TensorFlow numbers them."""
    blocks = [*model.front, *model.mid]
    convolutions = [block.get_submodule("conv") for block in blocks]
    norms = [model.norm, *(block.get_submodule("norm") for block in blocks), model.pool_norm, model.neck_norm]
    return convolutions, norms, [model.neck, model.head]


def _state(model: Musicnn, tensors: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """TensorFlow's tensors under torch's names and in torch's layouts."""
    names = {module: name for name, module in model.named_modules()}
    convolutions, norms, linears = _layers(model)
    state = {}

    def put(module: nn.Module, name: str, value: NDArray[np.float32]) -> None:
        state[f"{names[module]}.{name}"] = torch.from_numpy(np.ascontiguousarray(value))

    for kind, modules in (("conv2d", convolutions), ("dense", linears)):
        for n, module in enumerate(modules):
            found = f"{kind}_{n}" if n else kind
            kernel = tensors[f"{found}/kernel"]
            if kind == "dense":
                kernel = kernel.T
            elif isinstance(module, nn.Conv1d):
                kernel = kernel[:, :, 0].transpose(2, 1, 0)  # time, channels, 1, filters
            else:
                kernel = kernel.transpose(3, 2, 0, 1)  # time, mels, 1, filters
            put(module, "weight", kernel)
            put(module, "bias", tensors[f"{found}/bias"])
    for n, module in enumerate(norms):
        found = f"batch_normalization_{n}" if n else "batch_normalization"
        for ours, theirs in (
            ("weight", "gamma"),
            ("bias", "beta"),
            ("running_mean", "moving_mean"),
            ("running_var", "moving_variance"),
        ):
            put(module, ours, tensors[f"{found}/{theirs}"])
        put(module, "num_batches_tracked", np.zeros((), np.int64))  # torch's own count, unused once trained
    return state


def _package() -> Path:
    """The folder of the installed package, found without importing it.

    Raises:
        UserError: it is not installed.
    """
    try:
        return Path(str(metadata.distribution("musicnn").locate_file("musicnn")))
    except metadata.PackageNotFoundError:
        raise UserError(
            "evaluate.embedder: musicnn needs the package of that name: run `make setup`, "
            "or `pip install --no-deps musicnn==0.1.0` (without --no-deps it asks for an old TensorFlow)"
        ) from None


def _tags(configuration: str, name: str) -> list[str]:
    """The tags of a model, in the order of its outputs, from the source of the package's configuration."""
    wanted = f"{name.split('_')[0]}_LABELS"
    for node in ast.parse(configuration).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == wanted:
            return [str(tag) for tag in ast.literal_eval(node.value)]
    raise ValueError(f"musicnn's configuration.py holds no {wanted}")


def load(name: str = "MSD_musicnn") -> Musicnn:
    """One of `MODELS`, ready to infer.

    Raises:
        UserError: the package is not installed, or its files are not those of musicnn 0.1.0.
    """
    folder = _package()
    try:
        index, data = ((folder / name / part).read_bytes() for part in (".index", ".data-00000-of-00001"))
        model = Musicnn(_tags((folder / "configuration.py").read_text(encoding="utf-8"), name))
        model.load_state_dict(_state(model, tensorflow_bundle.read(index, data)))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{name} cannot be read from {folder} ({reason}): "
            "run `pip install --no-deps --force-reinstall musicnn==0.1.0`"
        ) from None
    return model.eval()


@lru_cache(maxsize=1)
def _mel_bank() -> NDArray[np.float32]:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=_FFT, n_mels=_MELS)  # type: ignore[attr-defined]


def log_mel(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """log10(1 + 10000 mel) of mono audio [S] at 16 kHz, 62.5 frames a second: float32 [T, 96].

    The networks learned from mel energies that were rounded to float16, so these are too. The package
    also multiplies in float16, which is infinite from a mel energy of 6.55 on: loud music. This does not.
    """
    import librosa

    power = np.abs(librosa.stft(mono, n_fft=_FFT, hop_length=_HOP_SAMPLES, pad_mode="constant")) ** 2
    mels = (_mel_bank() @ power).T
    rounded = np.minimum(mels, np.finfo(np.float16).max).astype(np.float16).astype(np.float32)
    return np.log10(10_000 * rounded + 1).astype(np.float32)


def windows(mono: NDArray[np.float32], hop: int = HOP) -> Tensor:
    """Log-mels [N, 187, 96] of mono audio [S] at 16 kHz, one every `hop` frames; at least one, of padded audio."""
    shortest = (WINDOW - 1) * _HOP_SAMPLES
    mels = log_mel(np.pad(mono, (0, max(0, shortest - len(mono)))))
    starts = range(0, len(mels) - WINDOW + 1, hop)
    return torch.from_numpy(np.stack([mels[start : start + WINDOW] for start in starts]))


@torch.no_grad()
def embeddings(model: Musicnn, wav: Wave, rate: int) -> NDArray[np.float64]:
    """Embeddings [N, 200] of a clip [C, S], one for each of its windows."""
    mono = resample(wav.mean(0, keepdims=True), rate, SAMPLE_RATE)[0]
    return torch.cat([model(part).embedding for part in windows(mono).split(_BATCH)]).double().numpy()


@torch.no_grad()
def probabilities(model: Musicnn, embedded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The taggram [N, 50] of windows, from their `embeddings`: probability of each of `model.tags`, each by itself."""
    return torch.sigmoid(model.head(torch.from_numpy(embedded).float())).double().numpy()
