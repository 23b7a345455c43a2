"""Decoding and encoding: what is refused, and what passes through unchanged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio.io import Unusable, decode, flac_bytes, read_flac, resample, set_channels

RATE = 32000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3 * RATE)).astype(np.float32)


def wav_bytes(wav: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    sf.write(file, wav.T, rate, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-22), ("FLOAT", 1e-9)]
)
@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_a_wave_file_is_decoded_to_its_samples(tmp_path: Path, subtype: str, step: float, rate: int) -> None:
    data = wav_bytes(NOISE[:, : 3 * RATE], rate, subtype)
    if 3 * RATE / rate < 2:
        with pytest.raises(Unusable, match=r"too short: 1\.00 s, at least 2 s are needed"):
            decode(data)
        return
    (tmp_path / "x.wav").write_bytes(data)
    for source in (data, tmp_path / "x.wav"):
        made, found = decode(source)
        assert found == rate and made.dtype == np.float32
        np.testing.assert_allclose(made, NOISE, atol=step)


@pytest.mark.parametrize(("channels", "expected"), [(1, 1), (2, 2), (6, 2)])
def test_channels_are_one_or_two(channels: int, expected: int) -> None:
    wav = np.repeat(NOISE[:1], channels, 0) * np.float32(0.5)
    made, _ = decode(wav_bytes(wav))
    assert made.shape == (expected, wav.shape[1])
    assert abs(np.corrcoef(made[0], wav[0])[0, 1]) > 0.99


@pytest.mark.parametrize(
    ("wav", "reason"),
    [
        (NOISE[:, :1], r"too short: 0\.00 s"),
        (NOISE[:, : 2 * RATE - 1], "too short"),
        (np.zeros_like(NOISE), "silent: peak below -60 dBFS"),
        (np.full_like(NOISE, 0.000999), "silent"),
        (np.where(NOISE > 0.4999, np.inf, NOISE), "NaN or infinite"),
    ],
)
def test_what_cannot_be_trained_on_says_why(wav: np.ndarray, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        decode(wav_bytes(wav))


def test_at_the_limits_a_file_is_usable() -> None:
    assert decode(wav_bytes(NOISE[:, : 2 * RATE]))[0].shape == (2, 2 * RATE)
    assert np.abs(decode(wav_bytes(np.full_like(NOISE, 0.00101)))[0]).max() == pytest.approx(0.00101)


def test_missing_folders_and_text_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_text("#EXTM3U\n" * 50)
    for path in (tmp_path / "none.wav", tmp_path, tmp_path / "x.mp3"):
        with pytest.raises(Unusable, match="unreadable|no audio"):
            decode(path)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2), st.integers(1, 3000), st.floats(0.001, 1, allow_subnormal=False), st.integers(0, 99))
def test_flac_gives_back_what_was_put_in(channels: int, samples: int, level: float, seed: int) -> None:
    wav = (level * np.random.default_rng(seed).uniform(-1, 1, (channels, samples))).astype(np.float32)
    made, rate = read_flac(flac_bytes(wav, RATE))
    assert rate == RATE and made.shape == wav.shape and made.dtype == np.float32
    assert np.abs(made - wav).max() <= 2**-22


@pytest.mark.parametrize("bad", [1.0001, -1.5, np.inf, np.nan])
def test_flac_takes_nothing_outside_its_range(bad: float) -> None:
    wav = NOISE[:, :100].copy()
    wav[1, 7] = bad
    with pytest.raises(ValueError, match="would clip in FLAC"):
        flac_bytes(wav, RATE)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_there_and_back_keeps_a_tone(rate: int) -> None:
    wav = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)[None]
    there = resample(wav, RATE, rate)
    back = resample(there, rate, RATE)
    assert there.shape == (1, rate) and abs(back.shape[1] - RATE) <= 1
    np.testing.assert_allclose(back[:, 2000:-2000], wav[:, 2000 : back.shape[1] - 2000], atol=1e-3)


def test_channels_by_mean_and_by_copy() -> None:
    np.testing.assert_allclose(set_channels(NOISE, 1)[0], NOISE.mean(0))
    assert np.array_equal(set_channels(NOISE[:1], 2), np.stack([NOISE[0], NOISE[0]]))
    assert set_channels(NOISE, 2) is NOISE
