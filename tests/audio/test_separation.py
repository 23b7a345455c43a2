"""The separator: equal to Demucs' own loop, stems that sum, weights that cannot be had, the gate, SI-SDR."""

from __future__ import annotations

import random
from pathlib import Path

import kit
import numpy as np
import pytest
import torch
from demucs.apply import BagOfModels
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lowend.audio import separation
from lowend.audio.separation import Separator, si_sdr_db, vocals_gain
from lowend.errors import UserError
from lowend.seeds import seed
from lowend.synth import song as synth

KIT = kit.KIT / "separator"
FOUR = ["drums", "bass", "other", "vocals"]
FT = [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]
RATE = 8000


def noise(seconds: float, name: str, rate: int = RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed(name)).standard_normal((2, int(seconds * rate)))).astype(np.float32)


def networks() -> list[torch.nn.Module]:
    """Two kinds of network with random weights: one takes segments as they are, one wants them padded."""
    torch.manual_seed(0)
    plain = HDemucs(FOUR, channels=4, samplerate=RATE, segment=2, nfft=1024, depth=5)
    padding = Demucs(FOUR, channels=4, samplerate=RATE, segment=2, depth=4, lstm_layers=0, dconv_lstm=9, dconv_attn=9)
    return [plain.eval(), padding.eval()]


def separator(monkeypatch: pytest.MonkeyPatch, network: torch.nn.Module, stems: int = 4, shifts: int = 0) -> Separator:
    monkeypatch.setattr(separation, "_load_safetensors", lambda path: network)
    return Separator("starter", KIT, shifts=shifts, overlap=0.25, stems=stems)


def test_the_starters_separator_separates_and_its_stems_sum() -> None:
    model = Separator("starter", KIT, shifts=1, overlap=0.1, stems=4)
    song = synth.song(9005, "trap", 0, 10.0)
    mix = song.mix[:, : 5 * synth.SAMPLE_RATE]
    (made,) = model.separate([(mix, synth.SAMPLE_RATE, "name")])
    np.testing.assert_allclose(sum(made.values()), mix, atol=1e-6)
    for stem in ("drums", "bass"):
        true = song.stems[stem][:, : mix.shape[1]]
        assert si_sdr_db(made[stem], true) > si_sdr_db(mix, true) + 5
    (again,) = model.separate([(mix, synth.SAMPLE_RATE, "name")])
    (another,) = model.separate([(mix, synth.SAMPLE_RATE, "another name")])
    assert all(np.array_equal(made[k], again[k]) for k in made), "random shifts must be seeded"
    assert not np.array_equal(made["drums"], another["drums"])


@pytest.mark.parametrize("weights", [None, [[1.0, 0, 0, 1.0], [0.5, 1.0, 1.0, 0]]])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_several_tracks_equal_demucs_one_by_one(monkeypatch, batch_size: int, weights: list | None) -> None:
    model = separator(monkeypatch, BagOfModels(networks(), weights))
    model.batch_size = batch_size
    tracks = [(noise(s, f"{s}"), RATE, f"{s}") for s in (5.3, 0.4, 2.0, 3.1)]
    for (wav, _, _), made in zip(tracks, model.separate(tracks), strict=True):
        expected = model.separate_tensor(torch.from_numpy(wav))[1]
        for stem in ("drums", "bass", "vocals"):
            # The estimates are of 1e-2; sums in another order differ by a few roundings.
            np.testing.assert_allclose(made[stem], expected[stem].numpy(), rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_random_shift_equals_demucs_with_the_same_seed(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    model = separator(monkeypatch, networks()[kind], shifts=1)
    wav = noise(4.2, "shift")
    (made,) = model.separate([(wav, RATE, "a track")])
    random.seed(seed("separate", "a track"))
    expected = model.separate_tensor(torch.from_numpy(wav))[1]
    np.testing.assert_allclose(made["bass"], expected["bass"].numpy(), rtol=0, atol=1e-7)


class Half(torch.nn.Module):
    """Makes half of what it hears each of two stems."""

    sources, samplerate, audio_channels, segment = ("drums", "other"), RATE, 2, 0.7

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([0.5 * x, 0.5 * x], 1)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 20_000), min_size=1, max_size=4),
    overlap=st.sampled_from([0.0, 0.1, 0.25, 0.6, 0.9]),
    shifts=st.integers(0, 3),
    batch_size=st.integers(1, 5),
)
def test_segments_sum_to_the_whole_at_any_length_overlap_and_number_of_shifts(
    lengths: list[int], overlap: float, shifts: int, batch_size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        model = separator(patch, Half(), shifts=shifts)
    model.update_parameter(overlap=overlap)
    model.batch_size = batch_size
    tracks = [(noise(n / RATE, "half"), RATE, str(n)) for n in lengths]
    for (wav, _, _), made in zip(tracks, model.separate(tracks), strict=True):
        np.testing.assert_allclose(made["drums"], 0.5 * (wav + wav.mean()), atol=1e-6)
        np.testing.assert_allclose(made["drums"] + made["other"], wav, atol=1e-7)


def test_two_stems_run_only_the_network_that_makes_vocals(monkeypatch: pytest.MonkeyPatch) -> None:
    bag = BagOfModels([network for _ in range(2) for network in networks()], FT)
    ran = []
    for n, network in enumerate(bag.models):
        network.register_forward_hook(lambda *_, n=n: ran.append(n))
    wav = noise(1.5, "two")
    (made,) = separator(monkeypatch, bag, stems=2).separate([(wav, RATE, "x")])
    assert set(made) == {"vocals", "no_vocals"} and set(ran) == {3}
    np.testing.assert_allclose(made["vocals"] + made["no_vocals"], wav, atol=1e-7)
    (four,) = separator(monkeypatch, bag).separate([(wav, RATE, "x")])
    np.testing.assert_array_equal(made["vocals"], four["vocals"])


def test_a_separator_that_cannot_be_had_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="must be one of starter, htdemucs"):
        Separator("demucs9", KIT, 0, 0.1, 4)
    with pytest.raises(
        UserError, match="stems: 2` needs a model that makes vocals, and starter makes drums, bass, oth"
    ):
        Separator("starter", KIT, 0, 0.1, 2)
    with pytest.raises(UserError, match="is missing: run `git restore starter/kit`"):
        Separator("starter", tmp_path, 0, 0.1, 4)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="not a safetensors file"):
        Separator("starter", tmp_path, 0, 0.1, 4)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="could not be fetched.*separate.model: starter"):
        Separator("htdemucs", KIT, 0, 0.1, 4)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="quantised: `pip install diffq`"):
        Separator("mdx_extra_q", KIT, 0, 0.1, 4)


def test_a_file_of_another_class_is_refused(tmp_path: Path) -> None:
    save_file({"a": np.zeros(1)}, tmp_path / "model.safetensors", metadata={"klass": "os.system"})
    with pytest.raises(UserError, match=r"class 'os\.system' is not one of demucs"):
        Separator("starter", tmp_path, 0, 0.1, 4)


@settings(max_examples=25, deadline=None)
@given(st.floats(-20, 40, allow_subnormal=False), st.floats(0.01, 10), st.integers(0, 99))
def test_si_sdr_is_the_ratio_that_was_mixed_whatever_the_scale(ratio_db: float, scale: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    true, noise = (draw.standard_normal((1, 20_000)).astype(np.float32) for _ in range(2))
    true -= true.mean()
    noise -= noise.mean() + (noise[0] @ true[0]) / (true[0] @ true[0]) * true
    noise *= np.float32(np.linalg.norm(true) / np.linalg.norm(noise) * 10 ** (-ratio_db / 20))
    assert si_sdr_db(np.float32(scale) * (true + noise), true) == pytest.approx(ratio_db, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-60, 0), min_size=1, max_size=12), st.integers(1, 2), st.integers(1, 99), st.integers(0, 799)
)
def test_the_gate_never_jumps_and_does_not_depend_on_the_level(
    levels_db: list[int], channels: int, percent: int, tail: int
) -> None:
    mix = noise(len(levels_db), "gate")[:channels]
    vocals = mix * np.repeat(10 ** (np.array(levels_db) / 20), RATE).astype(np.float32)
    mix, vocals = (wav[:, : wav.shape[1] - tail] for wav in (mix, vocals))
    gain = vocals_gain(vocals, mix, RATE, -30.5)
    assert gain.shape == (mix.shape[1],) and gain.min() >= 0 and gain.max() <= 1
    assert np.abs(np.diff(gain)).max() <= 1 / (separation.GATE_HOP_S * RATE) + 1e-6
    true = np.repeat(np.array(levels_db) > -30, RATE)[: len(gain)]
    assert (gain[true] == 1).all(), "true vocals are not touched"
    quieter = np.float32(percent / 100)
    np.testing.assert_array_equal(vocals_gain(quieter * vocals, quieter * mix, RATE, -30.5), gain)


def test_the_gate_closes_on_bleed_and_takes_silence_and_one_sample() -> None:
    mix = noise(3, "bleed")
    assert (vocals_gain(0.02 * mix, mix, RATE, -30.0) == 0).all()
    assert (vocals_gain(0.02 * mix, mix, RATE, -40.0) == 1).all()
    assert (vocals_gain(0 * mix, 0 * mix, RATE, -30.0) == 0).all()
    assert vocals_gain(mix[:, :1], mix[:, :1], RATE, -30.0).tolist() == [1.0]


def test_si_sdr_of_silence_is_a_number() -> None:
    silence, wave = np.zeros((2, 99), np.float32), np.ones((2, 99), np.float32) * np.arange(99, dtype=np.float32)
    for a, b in ((silence, silence), (silence, wave), (wave, silence)):
        assert np.isfinite(si_sdr_db(a, b))
    assert si_sdr_db(wave, wave) > 100
