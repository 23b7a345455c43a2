"""What the starter's language model is trained on: bars from their beginning, loops, and the count of sixteenths."""

from __future__ import annotations

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

BUILD = Path(__file__).resolve().parents[1] / "starter/build"
BAR = 32
SONG = torch.arange(5 * BAR + 7).expand(4, -1)


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """starter/build/musicgen.py, which finds its neighbours as a script does."""
    sys.path.insert(0, str(BUILD))
    try:
        spec = importlib.util.spec_from_file_location("starter_build_musicgen", BUILD / "musicgen.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BUILD))
        sys.modules.pop("common", None)
    return module


def test_every_frame_is_counted_from_the_beginning_of_its_bar(build: ModuleType) -> None:
    counted = build.places([16, BAR, 84], 100)
    assert counted[0].tolist() == [n % 16 for n in range(100)]
    assert counted[1].tolist() == [n // 2 % 16 for n in range(100)]
    slow = counted[2].tolist()
    assert slow[0] == slow[84] == 0 and slow[83] == 15 and set(slow) == set(range(16))
    assert all(b - a in (0, 1) for a, b in pairwise(slow[:84]))


@pytest.mark.parametrize("loop", [0, BAR, 2 * BAR])
def test_sequences_begin_with_a_bar_and_loops_come_again(build: ModuleType, loop: int) -> None:
    for n in range(10):
        found = build.crop(SONG, BAR, 3 * BAR, loop, 0.0, np.random.default_rng(n))
        assert found.shape == (4, 3 * BAR) and int(found[0, 0]) % BAR == 0
        first = loop or 3 * BAR
        assert torch.equal(found[:, :first] - found[:, :1], torch.arange(first).expand(4, -1))
        assert torch.equal(found[:, first:], found[:, : 3 * BAR - first])


def test_of_a_loop_only_what_comes_again_is_learnt_and_most_its_beginning(build: ModuleType) -> None:
    assert build.weights_of(0, 5, 30.0).tolist() == [1] * 5
    assert build.weights_of(4, 10, 30.0).tolist() == [0] * 4 + [30] * 3 + [1] + [30] * 2
