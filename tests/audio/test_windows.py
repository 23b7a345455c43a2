"""Pieces of audio: parts make up the whole, windows overlap."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.audio import windows


@pytest.mark.parametrize(("length", "parts"), [(10, 1), (100, 1), (101, 2), (350, 4)])
def test_parts_are_alike_in_length_and_make_up_the_whole(length: int, parts: int) -> None:
    found = windows.parts(np.arange(length, dtype=np.float32), 100)
    assert len(found) == parts and np.array_equal(np.concatenate(found), np.arange(length))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize(("length", "starts"), [(0, [0]), (7, [0]), (12, [0]), (13, [0, 3]), (16, [0, 3, 6])])
def test_windows_begin_every_hop_and_are_whole_unless_the_audio_is_shorter(length: int, starts: list[int]) -> None:
    mono = np.arange(length, dtype=np.float32)
    found = windows.sliding(mono, 10, 3)
    assert [part.tolist() for part in found] == [mono[start : start + 10].tolist() for start in starts]
