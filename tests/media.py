"""Small encoded files for tests, through libav."""

from __future__ import annotations

from typing import IO

import av
import numpy as np


def encode(file: str | IO[bytes], container: str | None, codec: str, wav: np.ndarray, rate: int, **tags: str) -> None:
    """Write mono wav [1, S] as stereo; `container` is libav's name of the format, None to go by the file's."""
    with av.open(file, "w", format=container) as out:
        out.metadata.update(tags)
        stream = out.add_stream(codec, rate=rate, layout="stereo")
        context = stream.codec_context
        frame = av.AudioFrame.from_ndarray(np.repeat(wav, 2, 0), format="fltp", layout="stereo")
        frame.sample_rate = rate
        size = context.frame_size or None
        resampler = av.AudioResampler(format=context.format, layout="stereo", rate=rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
