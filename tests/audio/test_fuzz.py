"""Files as crashes, bad disks and bad tools leave them: each is decoded or set aside with a reason."""

from __future__ import annotations

import io
import struct
import time
from collections import Counter
from pathlib import Path

import media
import numpy as np
import pytest
import soundfile as sf

from lowend.audio.io import Wave, decode
from lowend.errors import Unusable
from lowend.seeds import rng
from lowend.sources import folder

RATE = 48000
KINDS = ("cut", "flipped bits", "zeroed", "bad header", "huge length", "bad channels", "spliced")


def originals() -> dict[str, bytes]:
    """Three seconds of a tone in noise in seven formats."""
    t = np.arange(3 * RATE) / RATE
    wav = (0.4 * np.sin(2 * np.pi * 220 * t) + 0.1 * rng("fuzz").standard_normal(len(t))).astype(np.float32)[None]
    made = {}
    for name in ("WAV", "FLAC", "OGG", "AIFF", "MP3"):
        file = io.BytesIO()
        sf.write(file, wav.T, RATE, format=name)
        made[name] = file.getvalue()
    for name, codec, container in (("M4A", "aac", "ipod"), ("OPUS", "libopus", "ogg")):
        file = io.BytesIO()
        media.encode(file, container, codec, wav, RATE)
        made[name] = file.getvalue()
    return made


def mutate(index: int, files: dict[str, bytes]) -> bytes:
    """Mutation number `index`: every kind meets every format."""
    draw, names = rng("fuzz", index), sorted(files)
    name, kind = names[index % len(names)], KINDS[index // len(names) % len(KINDS)]
    data = bytearray(files[name])
    at = int(draw.integers(len(data)))
    if kind == "cut":
        return bytes(data[:at])
    if kind == "zeroed":
        end = int(draw.integers(at, len(data) + 1))
        data[at:end] = bytes(end - at)
    elif kind == "spliced":
        other = files[names[int(draw.integers(len(names)))]]
        return bytes(data[:at]) + other[at // 2 :]
    elif kind == "huge length" and name == "WAV":
        data[4:8] = data[40:44] = b"\xff\xff\xff\x7f"
    elif kind == "bad channels" and name == "WAV":
        data[22:24] = bytes([int(draw.choice([0, 7, 255])), 0])
    else:
        reach = 200 if kind == "bad header" else len(data)
        for place in draw.integers(reach, size=int(draw.integers(1, 200))):
            data[place] ^= 1 << int(draw.integers(8))
    return bytes(data)


def test_a_folder_of_broken_files_is_accounted_for_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path / "scratch"))
    files = originals()
    (tmp_path / "crate").mkdir()
    for index in range(500):
        (tmp_path / "crate" / f"{index:03d}.{sorted(files)[index % len(files)].lower()}").write_bytes(
            mutate(index, files)
        )
    start = time.monotonic()
    found = folder.fetch({"genre": "dubstep"}, tmp_path / "crate", tmp_path / "out", 0)
    assert time.monotonic() - start < 300, "no file holds the others up"
    assert len(found.tracks) + len(found.rejected) == 500 and len(found.tracks) > 100
    assert all(r.reason and r.stage == "download" for r in found.rejected)


def fate(data: bytes) -> tuple[str, Wave | None]:
    try:
        return "decoded", decode(data)[0]
    except Unusable as reason:
        return str(reason).split(":")[0], None


def test_five_hundred_broken_files_are_decoded_or_named() -> None:
    files = originals()
    assert {fate(data)[0] for data in files.values()} == {"decoded"}
    fates = Counter()
    for index in range(500):
        reason, wav = fate(mutate(index, files))
        fates[reason] += 1
        assert wav is None or (wav.dtype == np.float32 and len(wav) in (1, 2) and np.isfinite(wav).all())
    assert fates["decoded"] > 100 and fates["unreadable"] > 100 and len(fates) > 3


@pytest.mark.parametrize("rate", [0, 1, 3999, 2_000_000, 2**31 - 1])
def test_a_rate_that_cannot_be_is_refused(rate: int) -> None:
    """At one sample a second three seconds of audio would become 40 hours, and 17 GB at 32 kHz."""
    data = bytearray(originals()["WAV"])
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(Unusable, match="sample rate|unreadable"):
        decode(bytes(data))
