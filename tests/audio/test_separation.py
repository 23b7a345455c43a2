"""The separator: stems that sum and are near the truth, weights that cannot be had, SI-SDR against its definition."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lowend.audio.separation import Separator, si_sdr_db
from lowend.errors import UserError
from lowend.sources import synth

KIT = kit.KIT / "separator"


def test_the_starters_separator_separates_and_its_stems_sum() -> None:
    model = Separator("starter", KIT, shifts=1, overlap=0.1)
    song = synth.song(9005, "trap", 0, 10.0)
    mix = song.mix[:, : 5 * synth.SAMPLE_RATE]
    made = model.stems(mix, synth.SAMPLE_RATE, "name")
    np.testing.assert_allclose(sum(made.values()), mix, atol=1e-4)
    for stem in ("drums", "bass"):
        true = song.stems[stem][:, : mix.shape[1]]
        assert si_sdr_db(made[stem], true) > si_sdr_db(mix, true) + 5
    again = model.stems(mix, synth.SAMPLE_RATE, "name")
    assert all(np.array_equal(made[k], again[k]) for k in made), "random shifts must be seeded"


def test_a_separator_that_cannot_be_had_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="must be one of starter, htdemucs"):
        Separator("demucs9", KIT, 0, 0.1)
    with pytest.raises(UserError, match="is missing: run `git restore starter/kit`"):
        Separator("starter", tmp_path, 0, 0.1)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="not a safetensors file"):
        Separator("starter", tmp_path, 0, 0.1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="could not be fetched.*separate.model: starter"):
        Separator("htdemucs", KIT, 0, 0.1)


def test_a_file_of_another_class_is_refused(tmp_path: Path) -> None:
    save_file({"a": np.zeros(1)}, tmp_path / "model.safetensors", metadata={"klass": "os.system"})
    with pytest.raises(UserError, match=r"class 'os\.system' is not one of demucs"):
        Separator("starter", tmp_path, 0, 0.1)


@settings(max_examples=25, deadline=None)
@given(st.floats(-20, 40, allow_subnormal=False), st.floats(0.01, 10), st.integers(0, 99))
def test_si_sdr_is_the_ratio_that_was_mixed_whatever_the_scale(ratio_db: float, scale: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    true, noise = (draw.standard_normal((1, 20_000)).astype(np.float32) for _ in range(2))
    true -= true.mean()
    noise -= noise.mean() + (noise[0] @ true[0]) / (true[0] @ true[0]) * true
    noise *= np.float32(np.linalg.norm(true) / np.linalg.norm(noise) * 10 ** (-ratio_db / 20))
    assert si_sdr_db(np.float32(scale) * (true + noise), true) == pytest.approx(ratio_db, abs=0.05)


def test_si_sdr_of_silence_is_a_number() -> None:
    silence, wave = np.zeros((2, 99), np.float32), np.ones((2, 99), np.float32) * np.arange(99, dtype=np.float32)
    for a, b in ((silence, silence), (silence, wave), (wave, silence)):
        assert np.isfinite(si_sdr_db(a, b))
    assert si_sdr_db(wave, wave) > 100
