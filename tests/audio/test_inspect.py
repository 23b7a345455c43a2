"""One file, one id; one recording, one fingerprint, whatever container and tags it comes in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio.inspect import fingerprint, inspect, sha256
from lowend.audio.io import decode
from lowend.errors import Unusable

RATE = 32000


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 2), st.integers(2 * RATE, 2 * RATE + 999), st.integers(0, 99))
def test_lossless_copies_share_a_fingerprint(tmp_path_factory, channels: int, samples: int, seed: int) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("copies")
    pcm = np.random.default_rng(seed).integers(-(2**15), 2**15, (samples, channels)).astype(np.int16)
    for name in ("a.wav", "b.flac", "c.aiff", "d.caf"):
        sf.write(folder / name, pcm, RATE, subtype="PCM_16")
    sf.write(folder / "e.wav", pcm.astype(np.float64) / 2**15, RATE, subtype="PCM_24")
    found = [inspect(path) for path in sorted(folder.iterdir())]
    assert len({f.fingerprint for f in found}) == 1 and len({sha256(path) for path in folder.iterdir()}) == 5
    pcm[samples // 2, 0] ^= 1 << 8
    sf.write(folder / "f.flac", pcm, RATE, subtype="PCM_16")
    assert inspect(folder / "f.flac").fingerprint != found[0].fingerprint


def test_new_tags_make_a_new_file_of_the_same_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, 0.3 * np.sin(np.arange(3 * RATE) / 20), RATE)
    before, bytes_before = inspect(path), sha256(path)
    assert bytes_before == hashlib.sha256(path.read_bytes()).hexdigest()
    assert before.duration == 3 and before.peak == pytest.approx(0.3, abs=0.001)
    tags = mutagen.File(path)
    tags["title"] = "new"
    tags.save()
    assert inspect(path) == before and sha256(path) != bytes_before


def test_mono_is_not_stereo_and_full_scale_does_not_wrap() -> None:
    one = np.full((1, 4), 0.5, np.float32)
    assert fingerprint(one) != fingerprint(one.reshape(2, 2))
    assert fingerprint(one) != fingerprint(one * np.float32(0.9))
    assert fingerprint(np.float32([[1.2, -1.2]])) == fingerprint(np.float32([[1.1, -1.1]]))
    assert fingerprint(np.float32([[1.2]])) != fingerprint(np.float32([[-1.2]]))


def test_what_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="No such file"):
        inspect(tmp_path / "none.wav")
    (tmp_path / "a.ogg").write_bytes(b"OggS" + bytes(99))
    (tmp_path / "empty.wav").write_bytes(b"")
    wave = 0.3 * np.sin(np.arange(3 * RATE) / 20)
    for name, wav in (("short", wave[:RATE]), ("silent", 1e-5 * wave), ("nan", np.where(wave > 0.29, np.nan, wave))):
        sf.write(tmp_path / f"{name}.wav", wav, RATE, subtype="FLOAT")
    for path in tmp_path.iterdir():
        with pytest.raises(Unusable) as refused:
            decode(path.read_bytes())
        with pytest.raises(Unusable) as again:
            inspect(path)
        assert str(again.value) == str(refused.value)
