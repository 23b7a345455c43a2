"""Files are read once for all runs, and long ones become parts that lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import clusters, params
from lowend.audio import inspect
from lowend.audio.io import decode
from lowend.errors import UserError
from lowend.sources.files import DownloadConfig, cut_long, inspected
from lowend.tracks import Track

RATE = 4000


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path / "scratch"))


def noise(path: Path, seconds: float, seed: int = 0, peak: float = 0.5, channels: int = 2) -> np.ndarray:
    wav = np.random.default_rng(seed).uniform(-peak, peak, (round(seconds * RATE), channels)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, wav, RATE, subtype="FLOAT")
    return wav.T


def test_what_was_read_is_not_decoded_again_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(tmp_path / "a.wav", 3)
    (tmp_path / "b.wav").write_bytes(b"no audio")
    files = [tmp_path / "b.wav", tmp_path / "a.wav", tmp_path / "gone.wav"]
    first = inspected(files)
    assert first[0][1].startswith("unreadable") and first[1][1].duration == 3
    assert first[2][1] == "unreadable: No such file or directory"
    monkeypatch.setattr(inspect, "blocks", lambda path: pytest.fail(f"{path} was decoded again"))
    (tmp_path / "a.wav").rename(tmp_path / "c.wav")
    assert inspected([tmp_path / "b.wav", tmp_path / "c.wav"]) == first[:2]


@settings(max_examples=12, deadline=None)
@given(st.integers(60 * RATE - 3, 200 * RATE), st.integers(1, 2), st.sampled_from([0.5, 1.7]))
def test_parts_are_equal_and_put_together_the_file(tmp_path_factory, samples: int, channels: int, peak: float) -> None:  # type: ignore[no-untyped-def]
    audio = tmp_path_factory.mktemp("raw")
    wav = noise(audio / "x.wav", samples / RATE, samples, peak, channels)
    track = Track("x", "mix.wav", title="Mix", duration=samples / RATE, sha256="s", fingerprint="f", artist="")
    made = cut_long([track], audio, 60.0)
    if samples <= 60 * RATE:
        assert made == [track] and (audio / "x.wav").exists()
        return
    assert [p.title for p in made] == [f"Mix (part {n + 1} of {len(made)})" for n in range(len(made))]
    assert max(p.duration for p in made) <= 60.001 and not (audio / "x.wav").exists()
    waves = [decode(audio / f"{p.id}.flac")[0] for p in made]
    assert max(w.shape[1] for w in waves) - min(w.shape[1] for w in waves) <= len(made)
    whole = np.concatenate(waves, 1)
    gain = min(1.0, 0.999 / np.abs(wav).max())
    np.testing.assert_allclose(whole, wav * gain, atol=2e-7)


def test_a_files_parts_stay_on_one_side_and_sections_are_cut_with_the_audio(tmp_path: Path) -> None:
    noise(tmp_path / "x.wav", 150)
    noise(tmp_path / "y.wav", 20)
    spans = (("intro", 0, 40), ("drop", 40, 120), ("outro", 130, 150))
    sections = [{"name": n, "start": a, "end": b} for n, a, b in spans]
    long = Track("x", "x.wav", duration=150, sha256="s", fingerprint="f", structure=json.dumps(sections))
    short = Track("y", "y.wav", duration=20, sha256="t", fingerprint="g")
    made = cut_long([long, short], tmp_path, 60.0)
    assert made[0] == short and [p.file_path for p in made[1:]] == ["x.wav#1", "x.wav#2", "x.wav#3"]
    told = [[(s["name"], s["start"], s["end"]) for s in p.sections] for p in made[1:]]
    assert told == [[("intro", 0, 40), ("drop", 40, 50)], [("drop", 0, 50)], [("drop", 0, 20), ("outro", 30, 50)]]
    members = clusters.find(made, 0.1, 0.1)
    assert len({members[p.id].cluster for p in made[1:]}) == 1 and members["y"].cluster == "y"
    assert not any(m.duplicate_of for m in members.values())


def test_parts_of_under_a_minute_are_refused() -> None:
    with pytest.raises(UserError, match=r"download.part_s must be at least 60 s, got 5"):
        params.build(DownloadConfig, {"part_s": 5}, "download")
