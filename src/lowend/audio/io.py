"""Decode with libav, encode FLAC with libsndfile."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

Wave = NDArray[np.float32]

MIN_SECONDS = 2.0
RATES = (4000, 768_000)  # Hz: a broken header may claim one sample a second, and so days of audio
SILENCE_PEAK = 10 ** (-60 / 20)
_EXTENSIONS = """aac aif aiff alac ape au caf flac m4a mka mkv mp2 mp3 mp4 mpc oga ogg opus wav webm wma wv"""
EXTENSIONS = frozenset("." + name for name in _EXTENSIONS.split())


class Unusable(Exception):
    """A file that cannot be trained on; the message is the reason."""


def decode(source: Path | bytes) -> tuple[Wave, int]:
    """Decode the first audio stream: float32 [C, S] with one or two channels, and its rate in Hz.

    More than two channels are mixed down to two by libav.

    Raises:
        Unusable: not audio, cut off at the start, of an impossible rate, shorter than 2 s, silent, or
            holding NaN.
    """
    try:
        wav, rate = _decode(source)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Unusable(f"unreadable: {getattr(error, 'strerror', None) or error}") from None
    if not RATES[0] <= rate <= RATES[1]:
        raise Unusable(f"sample rate of {rate} Hz, outside {RATES[0]}..{RATES[1]}")
    if not np.isfinite(wav).all():
        raise Unusable("holds NaN or infinite samples")
    if wav.shape[1] < MIN_SECONDS * rate:
        raise Unusable(f"too short: {wav.shape[1] / rate:.2f} s, at least {MIN_SECONDS:g} s are needed")
    if np.abs(wav).max() < SILENCE_PEAK:
        raise Unusable("silent: peak below -60 dBFS")
    return wav, rate


def _decode(source: Path | bytes) -> tuple[Wave, int]:
    opened = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    with av.open(opened, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise Unusable("holds no audio stream")
        stream = container.streams.audio[0]
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout)
        parts = []
        for frame in container.decode(stream):
            frame.pts = None
            parts += [out.to_ndarray() for out in resampler.resample(frame)]
        parts += [out.to_ndarray() for out in resampler.resample(None)]
        if not parts:
            raise Unusable("holds no audio frames")
        return np.concatenate(parts, axis=1).astype(np.float32), int(stream.rate)


def resample(wav: Wave, rate: int, to_rate: int) -> Wave:
    """Band-limited resampling of [C, S] (soxr, very high quality)."""
    if rate == to_rate:
        return wav
    return np.ascontiguousarray(soxr.resample(wav.T, rate, to_rate, quality="VHQ").T, np.float32)


def set_channels(wav: Wave, channels: int) -> Wave:
    """Mono [1, S] as the mean of the channels, or stereo [2, S]."""
    if wav.shape[0] == channels:
        return wav
    return wav.mean(0, keepdims=True) if channels == 1 else np.repeat(wav, 2, axis=0)


def flac_bytes(wav: Wave, rate: int, bits: int = 24) -> bytes:
    """FLAC of [C, S], of 16 or 24 bits a sample.

    Raises:
        ValueError: a sample lies outside -1..1, where FLAC has no headroom.
    """
    peak = float(np.abs(wav).max(initial=0.0))
    if not peak <= 1.0:
        raise ValueError(f"peak {peak:.3f} would clip in FLAC: lower the gain first")
    file = io.BytesIO()
    sf.write(file, wav.T, rate, format="FLAC", subtype=f"PCM_{bits}")
    return file.getvalue()


def read_flac(data: bytes) -> tuple[Wave, int]:
    """The inverse of `flac_bytes`: float32 [C, S] and the rate in Hz."""
    wav, rate = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return np.ascontiguousarray(wav.T), int(rate)
