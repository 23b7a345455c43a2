"""PANNs' Cnn14 from a checkpoint as its trainer saves it, against the published FAD tool's own embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from frechet_audio_distance import FrechetAudioDistance
from torch import nn

from lowend.errors import UserError
from lowend.models import pann

PARAM, OFF = "evaluate.weights", "evaluate.embedder: starter"


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return pann.network().eval()


@pytest.fixture(scope="module")
def checkpoint(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pann") / "Cnn14_16k_mAP=0.438.pth"
    sampler = {"indexes": np.arange(5), "queue": [], "pointer": np.int64(3)}
    torch.save({"iteration": 1, "model": network.state_dict(), "sampler": sampler}, path)
    return path


def test_the_published_names_load_and_embeddings_are_the_published_tools(network: nn.Module, checkpoint: Path) -> None:
    assert {"conv_block6.conv2.weight", "fc1.weight", "logmel_extractor.melW"} < set(network.state_dict())
    wav = np.random.default_rng(0).normal(0, 0.1, (1, 16_000)).astype(np.float32)
    found = pann.embeddings(pann.load(str(checkpoint.parent), PARAM, OFF), wav, 16_000)
    tool = object.__new__(FrechetAudioDistance)  # its own constructor downloads
    tool.model, tool.model_name, tool.verbose, tool.device = network, "pann", False, torch.device("cpu")
    assert found.shape == (1, 2048) and found.std() > 0
    np.testing.assert_allclose(found[0], tool.get_embeddings([wav[0]], 16_000), rtol=1e-4, atol=1e-5)


class Length(nn.Module):
    """Stands for the network where only what it hears is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, wav: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"embedding": torch.full((len(wav), 1), float(wav.shape[1]))}


@pytest.mark.parametrize(
    ("seconds", "heard"), [(0.1, [0.32]), (5.0, [5.0]), (10.0, [10.0]), (12.5, [10.0] * 3), (20.0, [10.0] * 11)]
)
def test_ten_seconds_are_heard_from_every_whole_second(seconds: float, heard: list[float]) -> None:
    found = pann.embeddings(Length(), np.zeros((2, int(seconds * 32_000)), np.float32), 32_000)
    assert (found[:, 0] / 16_000).tolist() == heard


def test_other_checkpoints_are_refused_by_name(network: nn.Module, tmp_path: Path) -> None:
    one = torch.zeros(())
    hollow = {name: one.expand(tensor.shape) for name, tensor in network.state_dict().items()}
    torch.save(hollow, tmp_path / "bare.pth")
    torch.save({"model": hollow | {"fc_audioset.weight": one.expand(50, 2048)}}, tmp_path / "fewer.pth")
    for name, reason in (("bare.pth", 'has no "model"'), ("fewer.pth", "size mismatch for fc_audioset.weight")):
        with pytest.raises(UserError, match=rf"{name} .*{reason}"):
            pann.load(str(tmp_path / name), PARAM, OFF)
    with pytest.raises(UserError, match=r"download it from https://zenodo\.org/record/3987831/files/Cnn14_16k"):
        pann.load(str(tmp_path / "none.pth"), PARAM, OFF)
