"""Decode with libav, encode FLAC with libsndfile."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from lowend.errors import Unusable

Wave = NDArray[np.float32]

MIN_SECONDS = 2.0
RATES = (4000, 768_000)  # Hz: a broken header may claim one sample a second, and so days of audio
SILENCE_PEAK = 10 ** (-60 / 20)
_EXTENSIONS = """aac aif aiff alac ape au caf flac m4a mka mkv mp2 mp3 mp4 mpc oga ogg opus wav webm wma wv"""
EXTENSIONS = frozenset("." + name for name in _EXTENSIONS.split())


def decode(source: Path | bytes, to_rate: int | None = None) -> tuple[Wave, int]:
    """Decode the first audio stream: float32 [C, S] with one or two channels, and its rate in Hz.

    More than two channels are mixed down to two by libav. With `to_rate` the samples are resampled as
    they come, so that a file of a high rate is never whole in memory at its own.

    Raises:
        Unusable: not audio, cut off at the start, of an impossible rate, shorter than 2 s, silent, or
            holding NaN.
    """
    rate, decoded = blocks(source)
    told = Extent(rate)
    parts = []
    resampler: soxr.ResampleStream | None = None
    for block in decoded:
        told.add(block)
        if to_rate and to_rate != rate:
            resampler = resampler or soxr.ResampleStream(rate, to_rate, len(block), quality="VHQ")
            block = np.ascontiguousarray(resampler.resample_chunk(block.T).T)
        parts.append(block)
    told.check()
    if resampler:
        parts.append(resampler.resample_chunk(np.zeros((0, told.channels), np.float32), last=True).T)
    return np.concatenate(parts, axis=1, dtype=np.float32), to_rate or rate


class Extent:
    """What a stream of blocks amounts to: its length, its peak, and whether it is usable."""

    def __init__(self, rate: int) -> None:
        self.rate, self.channels, self.samples, self.peak = rate, 0, 0, 0.0

    def add(self, block: Wave) -> None:
        """Take one block [C, n] into account."""
        self.channels, samples = block.shape
        self.samples += samples
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        if not np.isfinite(self.peak) or not np.isfinite(block).all():
            raise Unusable("holds NaN or infinite samples")

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self.samples / self.rate

    def check(self) -> None:
        """Refuse what is too short or silent.

        Raises:
            Unusable: with the reason.
        """
        if not self.samples:
            raise Unusable("holds no audio frames")
        if self.seconds < MIN_SECONDS:
            raise Unusable(f"too short: {self.seconds:.2f} s, at least {MIN_SECONDS:g} s are needed")
        if self.peak < SILENCE_PEAK:
            raise Unusable("silent: peak below -60 dBFS")


def blocks(source: Path | bytes) -> tuple[int, Iterator[Wave]]:
    """The rate in Hz of the first audio stream, and its samples as blocks [C, n] of a second or so.

    Raises:
        Unusable: not audio, or of an impossible rate; the iterator raises it where decoding fails.
    """
    try:
        container = av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), metadata_errors="replace")
    except _BROKEN as error:
        raise _unreadable(error) from None
    if not container.streams.audio:
        container.close()
        raise Unusable("holds no audio stream")
    rate = int(container.streams.audio[0].rate or 0)
    if not RATES[0] <= rate <= RATES[1]:
        container.close()
        outside = f"sample rate of {rate} Hz, outside {RATES[0]}..{RATES[1]}"
        raise Unusable(outside if rate else "unreadable: it states no sample rate")
    return rate, _decoded(container, rate)


_BROKEN = (av.error.FFmpegError, OSError, ValueError)


def _unreadable(error: Exception) -> Unusable:
    return Unusable(f"unreadable: {getattr(error, 'strerror', None) or error}")


def _decoded(container: av.container.InputContainer, size: int) -> Iterator[Wave]:
    """Blocks of at least `size` samples, the last one aside."""
    waiting: list[Wave] = []
    with container:
        try:
            stream = container.streams.audio[0]
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            resampler = av.AudioResampler(format="fltp", layout=layout)
            for frame in chain(container.decode(stream), [None]):
                if frame is not None:
                    frame.pts = None
                waiting += [out.to_ndarray() for out in resampler.resample(frame)]
                if sum(part.shape[1] for part in waiting) >= size:
                    yield np.concatenate(waiting, axis=1, dtype=np.float32)
                    waiting = []
            if waiting:
                yield np.concatenate(waiting, axis=1, dtype=np.float32)
        except _BROKEN as error:
            raise _unreadable(error) from None


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
    peak = max(float(wav.max(initial=0.0)), -float(wav.min(initial=0.0)))  # np.abs would copy ten minutes of audio
    if not peak <= 1.0:
        raise ValueError(f"peak {peak:.3f} would clip in FLAC: lower the gain first")
    file = io.BytesIO()
    sf.write(file, wav.T, rate, format="FLAC", subtype=f"PCM_{bits}")
    return file.getvalue()


def read_flac(data: bytes) -> tuple[Wave, int]:
    """The inverse of `flac_bytes`: float32 [C, S] and the rate in Hz."""
    wav, rate = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return np.ascontiguousarray(wav.T), int(rate)
