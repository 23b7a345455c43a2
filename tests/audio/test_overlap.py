"""The overlap of stems: none for those that keep apart, more the more one leaks into another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import shards
from lowend.audio import overlap
from lowend.audio.io import Wave, flac_bytes
from lowend.shards import Member

RATE = 16000


def stems(leak: float) -> dict[str, Wave]:
    """Bass and hats, of which a share of the bass is in the hats' stem instead."""
    rng = np.random.default_rng(0)
    t = np.arange(4 * RATE) / RATE
    bass = np.sin(2 * np.pi * 55 * t).astype(np.float32)[None] * 0.5
    noise = np.diff(rng.standard_normal((1, 4 * RATE + 1))) * 0.05 * (t % 0.5 < 0.1)
    return {"bass": bass * np.float32(1 - leak), "drums": noise.astype(np.float32) + bass * np.float32(leak)}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 45).map(lambda n: n / 100), st.integers(2, 5).map(lambda n: n / 100))
def test_more_leakage_is_more_overlap(leak: float, further: float) -> None:
    less, more = (overlap.overlap(stems(share), RATE) for share in (leak, leak + further))
    assert 0 <= less < more <= 0.5


def test_stems_that_keep_apart_and_silent_ones_do_not_overlap() -> None:
    assert overlap.overlap(stems(0), RATE) < 0.01
    silent = np.zeros((2, RATE), np.float32)
    assert overlap.overlap({"bass": silent, "drums": silent}, RATE) == 0
    assert overlap.overlap({"bass": stems(0)["bass"]}, RATE) == 0


def test_an_excerpt_is_what_was_asked_for_wherever_the_file_has_it() -> None:
    ramp = np.linspace(-0.9, 0.9, 10 * RATE, dtype=np.float32)[None]
    files = {"mix.flac": flac_bytes(ramp, RATE), "json": b"{}"}
    for start_s, first in ((2.5, 2.5), (-3.0, 0.0), (9.0, 6.0)):
        waves, rate = overlap.cut(files, start_s, 4.0)
        assert rate == RATE and list(waves) == ["mix"]
        np.testing.assert_allclose(waves["mix"], ramp[:, int(first * RATE) :][:, : 4 * RATE], atol=1e-6)
    assert overlap.cut(files, 0.0, 60.0)[0]["mix"].shape == ramp.shape


def test_the_note_holds_the_overlap_of_the_middle(tmp_path: Path) -> None:
    quiet = {name: np.zeros((1, 20 * RATE), np.float32) for name in ("bass", "drums")}
    whole = {name: np.concatenate((quiet[name], *[wav] * 8, quiet[name]), axis=1) for name, wav in stems(0.3).items()}
    members = [Member("a", f"{name}.flac", flac_bytes(wav, RATE)) for name, wav in whole.items()]
    shards.write(tmp_path, [[*members, shards.note("a", {}, members)]])
    (note,) = overlap.make(overlap.Job("a", tmp_path / "a.tar", tmp_path))
    assert note.name == "json"
    made = json.loads(note.data)["overlap"]
    assert made == pytest.approx(overlap.overlap(stems(0.3), RATE), abs=0.01)
