"""The codec: what comes back is the music that went in."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest
import torch

from lowend.models import codec
from lowend.synth import song as synth


def test_codec_keeps_the_music(tmp_path: Path) -> None:
    enc = codec.load(kit.unpack(tmp_path) / "codec")
    wav = synth.song(9002, "boom bap", 0, 16.0).mix.mean(0, keepdims=True)[:, : 32000 * 8]
    codes = codec.encode(enc, wav)
    made = codec.decode(enc, torch.from_numpy(codes)[None])[0]
    assert codes.dtype == np.int16 and codes.shape == (4, 400)
    n = min(made.shape[1], wav.shape[1])
    windows = [x[0, :n][: n // 3200 * 3200].reshape(-1, 3200).std(1) for x in (made, wav)]
    assert np.corrcoef(*windows)[0, 1] > 0.85  # the envelope of 0.1 s blocks: beats are where they were
    with pytest.raises(ValueError, match="set normalize.channels"):
        codec.encode(enc, np.zeros((2, 3200), np.float32))
