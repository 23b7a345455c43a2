"""Real music is heard once and remembered, for as long as nothing that it depends on changes."""

from __future__ import annotations

import io
from pathlib import Path

import kit
import numpy as np
import pytest
import torch

from lowend import captions, shards
from lowend.metrics import reference
from lowend.metrics.embedders import EMBEDDERS, Embedder
from lowend.metrics.reference import Ears, Folders
from lowend.models import codec as codecs
from lowend.models import tagger
from lowend.shards import Member
from lowend.tracks import Track, write_tracks
from lowend.training import data

KIT = kit.KIT / "tagger"


def test_a_file_is_made_once_and_again_when_it_is_broken(tmp_path: Path) -> None:
    path, made = tmp_path / "deep/x.npz", []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"a": np.arange(3.0), "names": np.array(["x", "yy"])}

    for _ in range(2):
        found = reference.kept(path, make)
        assert found["a"].tolist() == [0, 1, 2] and found["names"].tolist() == ["x", "yy"]
    assert len(made) == 1 and list(path.parent.iterdir()) == [path]
    for damage in (path.read_bytes()[:40], b"", b"not an archive"):
        path.write_bytes(damage)
        assert reference.kept(path, make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 4


def test_what_was_joined_comes_apart_again() -> None:
    parts = [np.ones((2, 3)), np.zeros((1, 3)), np.full((4, 3), 7.0)]
    for a, b in zip(parts, reference.split("x", reference.join("x", parts)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Six tracks of random codes: two to train on, two held out on either side."""
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path / "scratch"))
    kit.unpack(tmp_path)
    members = []
    for n in range(6):
        file = io.BytesIO()
        np.save(file, np.random.default_rng(n).integers(0, 1024, (4, 300 + 10 * n)).astype(np.int16))
        members.append([Member(f"t{n}", "mix.npy", file.getvalue())])
    shards.write(tmp_path / "tokens/source", members)
    for place, side in enumerate(("train", "valid", "test")):
        tracks = [Track(id=f"t{2 * place + n}", file_path="", sub_genre=("trap", "drill")[n], tier=1) for n in (0, 1)]
        write_tracks(tmp_path / f"splits/{side}.csv", tracks)
    nowhere = tmp_path / "nowhere"
    return Folders(nowhere, nowhere, tmp_path / "codec", tmp_path / "tokens", tmp_path / "splits", KIT)


@pytest.fixture
def ears() -> Ears:
    return Ears(EMBEDDERS["starter"](KIT), tagger.load(KIT), lambda wav, rate: np.array([float(wav.std())]))


def test_held_out_tracks_are_heard_once_and_remembered_exactly(
    folders: Folders, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reference.real(folders, ears, "a")
    assert len(first.tracks) == len(first.tags) == len(first.sounds) == 4
    assert first.sub_genres == ["trap", "drill", "trap", "drill"]
    assert all(0 <= share <= 1 for share in first.low_shares) and first.sounds[0].stereo_width == 0
    assert sum(first.probabilities[0].values()) == pytest.approx(1, abs=1e-5)
    monkeypatch.setattr(codecs, "decode", lambda *_: pytest.fail("decoded again"))
    again = reference.real(folders, ears, "a")
    for a, b in zip([*first.tracks, *first.tags], [*again.tracks, *again.tags], strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.sounds == first.sounds and again.probabilities == first.probabilities


def test_real_music_is_heard_at_one_loudness(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = codecs.decode
    heard: dict[float, list[float]] = {}
    figures = {}
    for gain in (1.0, 0.1):
        levels = heard[gain] = []

        def ear(wav: np.ndarray, rate: int, levels: list[float] = levels) -> np.ndarray:
            levels.append(float(wav.std()))
            return np.zeros((1, 1))

        monkeypatch.setattr(codecs, "decode", lambda *given, gain=gain: [gain * wav for wav in decode(*given)])
        ears = Ears(Embedder(ear, 1, lambda _: {}), tagger.load(KIT), lambda wav, rate: np.array([float(wav.std())]))
        figures[gain] = reference.real(folders, ears, f"{gain}")
        reference.trained(folders, ears, f"{gain}", clip_s=3.0)
        reference.real_parts(folders, ears, f"{gain}", ["low"], folders.model)
    assert len(heard[1.0]) == 4 + 8 + 2 + 4 and sorted(heard[0.1]) == pytest.approx(sorted(heard[1.0]), rel=1e-3)
    loud, quiet = figures[1.0], figures[0.1]
    np.testing.assert_allclose(quiet.tags, loud.tags, rtol=1e-3)
    assert quiet.probabilities[0] == pytest.approx(loud.probabilities[0], abs=1e-3)
    assert quiet.sounds[0].lufs == pytest.approx(loud.sounds[0].lufs - 20, abs=0.1), "a level is told as it is"


def test_another_track_another_split_or_another_ear_is_heard_anew(folders: Folders) -> None:
    known = {reference.digest(folders, "a")}
    known.add(reference.digest(folders, "b"))
    (folders.splits / "test.csv").write_text((folders.splits / "test.csv").read_text() + "\n")
    known.add(reference.digest(folders, "a"))
    shard = next(folders.tokens.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes() + b"\0")
    known.add(reference.digest(folders, "a"))
    assert len(known) == 4


def test_pieces_of_held_out_tracks_are_held_against_training_tracks(folders: Folders, ears: Ears) -> None:
    found = reference.trained(folders, ears, "a", clip_s=3.0)
    assert len(found.pieces) == 8, "six to seven seconds each make two pieces of three"
    assert {one.track_id for one in found.pieces} <= {"t0", "t1", ""}
    assert all(one.distance is not None and one.distance > 0 for one in found.pieces)
    template = captions.load_template()
    row = data.load(folders.tokens, folders.splits / "train.csv", "mix", template, 1)[1]
    codec = codecs.load(folders.codec)
    copy = codecs.encode(codec, codecs.decode(codec, torch.from_numpy(row.codes[None, :, 20:220].copy()))[0])
    name, overlap = found.prints.nearest(copy[0])
    assert name == "t1" and overlap > 2 * max(one.overlap or 0 for one in found.pieces)
