"""VGGish from a checkpoint with the published names, against its formulas written out."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lowend.errors import UserError
from lowend.models import vggish

PARAM, OFF = "evaluate.weights", "evaluate.embedder: starter"
RATE = vggish.SAMPLE_RATE
SHAPES = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}
"""Of vggish-10086976.pth, written down from torchvggish's code."""


def hollow(changes: dict[str, tuple[int, ...]] | None = None) -> dict[str, Tensor]:
    """A checkpoint that holds one number: its tensors repeat it, and so does its file."""
    shapes = SHAPES | (changes or {})
    weights = {f"{name}.weight": torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    return weights | {f"{name}.bias": torch.zeros(1).expand(shape[0]) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Random weights in half precision, of a size that keeps the numbers near one."""
    draw = torch.Generator().manual_seed(0)
    made = {}
    for name, shape in SHAPES.items():
        size = (2 / math.prod(shape[1:])) ** 0.5
        made[f"{name}.weight"] = (size * torch.randn(shape, generator=draw)).half()
        made[f"{name}.bias"] = (0.1 * torch.randn(shape[0], generator=draw)).half()
    return made


@pytest.fixture(scope="module")
def folder(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vggish")
    torch.save(state, folder / "vggish-10086976.pth")
    return folder


def music(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.05, len(t))
    return (0.3 * np.sin(2 * np.pi * 220 * t) * (1 + np.sin(9 * t)) + noise).astype(np.float32)


def written_out(mono: np.ndarray) -> np.ndarray:
    """The first three frames of the log-mel spectrogram, sum by sum."""

    def mel(hz: float) -> float:
        return 1127 * math.log(1 + hz / 700)

    edges = [mel(125) + (mel(7500) - mel(125)) * n / 65 for n in range(66)]
    found = np.zeros((3, 64))
    for frame in range(3):
        cut = [float(mono[160 * frame + n]) * (0.5 - 0.5 * math.cos(2 * math.pi * n / 400)) for n in range(400)]
        magnitudes = [abs(np.dot(cut, np.exp(-2j * np.pi * bin * np.arange(400) / 512))) for bin in range(257)]
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            total = 0.0
            for bin in range(1, 257):
                at = mel(bin * 16000 / 512)
                total += max(0.0, min((at - low) / (middle - low), (high - at) / (high - middle))) * magnitudes[bin]
            found[frame, band] = math.log(total + 0.01)
    return found


def test_log_mels_follow_the_formula() -> None:
    mono = music(1.2)
    np.testing.assert_allclose(vggish.log_mel(mono)[:3], written_out(mono), rtol=0, atol=1e-5)
    assert vggish.log_mel(mono).shape == (1 + (len(mono) - 400) // 160, 64)


def test_log_mels_are_near_to_librosas_whose_triangles_are_straight_in_hz() -> None:
    import librosa

    mono = music(1.2)
    bank = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=64, fmin=125, fmax=7500, htk=True, norm=None)
    spectrum = librosa.stft(mono, n_fft=512, hop_length=160, win_length=400, center=False)
    theirs = np.log(bank @ np.abs(spectrum) + 0.01).T
    # librosa centres a window of 400 in 512 samples; ours stands at their start, and frames are 56 samples later.
    ours = vggish.log_mel(np.pad(mono, (0, 512))[56:])[: len(theirs)]
    assert np.abs(ours - theirs)[:, 8:].mean() < 0.05


def test_embeddings_are_those_of_the_published_layers(folder: Path, state: dict[str, Tensor]) -> None:
    wav = np.stack([music(2.5), np.zeros(int(2.5 * RATE), np.float32)])
    found = vggish.embeddings(vggish.load(str(folder), PARAM, OFF), wav, RATE)
    assert found.shape == (2, 128) and found.min() < 0, "0.96 s each, and not rectified"
    w = {name: tensor.float() for name, tensor in state.items()}
    mono = wav.mean(0)
    x = torch.from_numpy(np.stack([vggish.log_mel(mono)[96 * n : 96 * (n + 1)] for n in range(2)]))[:, None]
    for layer in (0, 3, 6, 8, 11, 13):
        x = F.relu(F.conv2d(x, w[f"features.{layer}.weight"], w[f"features.{layer}.bias"], padding=1))
        if layer not in (6, 11):
            x = F.max_pool2d(x, 2)
    x = x.transpose(1, 3).transpose(1, 2).reshape(2, -1)  # as torchvggish has it
    for layer in (0, 2, 4):
        x = F.linear(x, w[f"embeddings.{layer}.weight"], w[f"embeddings.{layer}.bias"])
        x = F.relu(x) if layer < 4 else x
    np.testing.assert_allclose(found, x.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("seconds", "count"), [(0.1, 1), (0.96, 1), (1.95, 2), (5.0, 5)])
def test_examples_stand_end_to_end(seconds: float, count: int) -> None:
    assert vggish.examples(music(seconds)).shape == (count, 96, 64)


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        ({k: v for k, v in hollow().items() if k != "features.8.bias"}, "Missing key.*features.8.bias"),
        (hollow({"embeddings.4": (64, 4096)}), "size mismatch for embeddings.4.weight.*64, 4096"),
        (hollow() | {"embeddings.6.weight": torch.zeros(1)}, "Unexpected key.*embeddings.6"),
        ({"model": hollow()}, "no tensors by their names"),
        ([1, 2], "it holds a list"),
    ],
)
def test_another_models_weights_are_refused_by_the_files_name(tmp_path: Path, saved: object, reason: str) -> None:
    torch.save(saved, tmp_path / "mine.pth")
    with pytest.raises(UserError, match=rf"mine\.pth .*{reason}"):
        vggish.load(str(tmp_path / "mine.pth"), PARAM, OFF)


class Code:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, ("ran",)


def test_damaged_files_and_files_with_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    torch.save({"features.0.weight": Code()}, tmp_path / "code.pth")
    for name in ("page.pth", "code.pth"):
        with pytest.raises(UserError, match=rf"{name} is no checkpoint of torch's, or damaged"):
            vggish.load(name, PARAM, OFF)
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_names_what_to_download(tmp_path: Path) -> None:
    url = re.escape("https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth")
    for name, lacking in (("nowhere.pth", "no file 'nowhere.pth'"), (str(tmp_path), "lacks vggish-10086976.pth")):
        with pytest.raises(UserError, match=rf"evaluate\.weights .*{lacking}.*{url}.*`evaluate\.embedder: starter`"):
            vggish.load(name, PARAM, OFF)
