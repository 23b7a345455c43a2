"""Decoding and encoding: what is refused, and what passes through unchanged."""

from __future__ import annotations

import io
from pathlib import Path

import media
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio.io import decode, flac_bytes, read_flac, resample, set_channels
from lowend.errors import Unusable

RATE = 32000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3 * RATE)).astype(np.float32)


def wav_bytes(wav: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    sf.write(file, wav.T, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def tone(hz: float, rate: int = RATE, seconds: float = 3.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)[None]


def encoded(kind: str, **tags: str) -> bytes:
    codec = {"mp3": "libmp3lame", "opus": "libopus", "mp4": "aac", "flac": "flac"}[kind]
    file = io.BytesIO()
    media.encode(file, "ogg" if kind == "opus" else kind, codec, tone(440, 48000), 48000, **tags)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["mp3", "opus", "mp4", "flac"])
def test_formats_decode_to_what_was_put_in(kind: str) -> None:
    made, rate = decode(encoded(kind))
    assert rate == 48000 and made.shape[0] == 2 and made.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(made[0]))
    assert np.argmax(spectrum) * rate / made.shape[1] == pytest.approx(440, abs=1)
    assert np.abs(made).max() == pytest.approx(0.5, abs=0.05)


def test_tags_that_are_not_utf8_do_not_matter() -> None:
    data = encoded("flac", title="caf?").replace(b"caf?", b"caf\xe9")
    assert decode(data)[0].shape[1] > 48000


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
        (np.where(NOISE > 0.4999, np.nan, NOISE), "NaN or infinite"),
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
    for source in (tmp_path / "none.wav", tmp_path, tmp_path / "x.mp3", encoded("mp3")[:200]):
        with pytest.raises(Unusable, match="unreadable|no audio"):
            decode(source)
    for data in (b"", b"not audio at all" * 99):
        with pytest.raises(Unusable, match="unreadable"):
            decode(data)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2), st.integers(1, 3000), st.floats(0.001, 1, allow_subnormal=False), st.integers(0, 99))
def test_flac_gives_back_what_was_put_in(channels: int, samples: int, level: float, seed: int) -> None:
    wav = (level * np.random.default_rng(seed).uniform(-1, 1, (channels, samples))).astype(np.float32)
    data = flac_bytes(wav, RATE)
    made, rate = read_flac(data)
    assert rate == RATE and made.shape == wav.shape and made.dtype == np.float32
    assert np.abs(made - wav).max() <= 2**-22 and flac_bytes(wav, RATE) == data


@pytest.mark.parametrize("bad", [1.0001, -1.5, np.inf, np.nan])
def test_flac_takes_nothing_outside_its_range(bad: float) -> None:
    wav = NOISE[:, :100].copy()
    wav[1, 7] = bad
    with pytest.raises(ValueError, match=rf"peak {abs(bad):.3f} would clip in FLAC"):
        flac_bytes(wav, RATE)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("hz", [440, 1000])
def test_resampling_there_and_back_keeps_a_tone(rate: int, hz: float) -> None:
    for old, new in ((RATE, rate), (rate, RATE)):
        made = resample(tone(hz, old, 1.0), old, new)
        assert made.shape == (1, new)
        np.testing.assert_allclose(made[:, 2000:-2000], tone(hz, new, 1.0)[:, 2000:-2000], atol=1e-3)


def test_channels_by_mean_and_by_copy() -> None:
    np.testing.assert_allclose(set_channels(NOISE, 1), NOISE.mean(0, keepdims=True))
    assert set_channels(np.stack([NOISE[0], -NOISE[0]]), 1).tolist() == [[0.0] * NOISE.shape[1]]
    assert np.array_equal(set_channels(NOISE[:1], 2), np.stack([NOISE[0], NOISE[0]]))
    assert set_channels(NOISE, 2) is NOISE
