"""The encode stage on five small tracks: bands for all, takes for those that train, captions that are true of them."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import kit
import numpy as np
import pytest
from ruamel.yaml import YAML

import encode
from lowend import captions, params, shards
from lowend.audio import augment
from lowend.audio.bandenergy import from_levels
from lowend.audio.io import flac_bytes
from lowend.audio.loudness import integrated_lufs
from lowend.errors import UserError
from lowend.models import codec as codecs
from lowend.models import tokens
from lowend.seeds import rng
from lowend.shards import Member
from lowend.tracks import Track, write_tracks
from lowend.training import data, stage
from lowend.training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = captions.load_template(ROOT / captions.TEMPLATE)
RATE, SECONDS = 32000, 1.2
SIDES = {"train": ("a", "b", "c"), "valid": ("v",), "test": ("w",)}
VIEWS = ("mix", "drums")
WILD = {"variants": 2, "chance": 0.7, "mixup": [0.1, 0.3]}


def sound(track_id: str) -> dict[str, np.ndarray]:
    """Views float32 [1, S] of a track: a bass note, ticks, and a chord that only the mix holds."""
    t = np.arange(round(SECONDS * RATE)) / RATE
    hz = 50 + 5 * len(track_id) + ord(track_id[0]) % 7
    bass = 0.2 * np.sin(2 * np.pi * hz * t)
    drums = 0.1 * rng(track_id).standard_normal(len(t)) * ((2 * t) % 1 < 0.1)
    chord = 0.05 * np.sin(2 * np.pi * 8 * hz * t)
    views = {"bass": bass, "drums": drums, "bass_drums": bass + drums, "mix": bass + drums + chord}
    return {name: wav.astype(np.float32)[None] for name, wav in views.items()}


@dataclass(frozen=True, slots=True)
class Lane:
    """Inputs of the stage."""

    root: Path
    codec: Path

    def encode(self, out: str, genre: str = "hiphop", **change: object) -> Path:
        """Run the stage as dvc does, with some of `encode.augment` changed; returns the tokens' folder of the genre."""
        section = params.load("encode", path=ROOT / "params.yaml")["encode"]
        section = {"views": {genre: list(VIEWS)}, "augment": section["augment"] | change}
        folder = self.root / out / "lane"
        folder.parent.mkdir(exist_ok=True)
        YAML().dump({"seed": 0, "encode": section}, folder.parent / "params.yaml")
        paths = {"codec": self.codec, "audio": self.root / "audio", "splits": self.root / "splits", "out": folder}
        flags = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["encode.py", genre, *flags])
            patch.chdir(folder.parent)
            encode.main()
        return folder.parent

    def row(self, track_id: str) -> Track:
        """A track with its tempo and key in the caption."""
        return Track(track_id, f"{track_id}.wav", caption=f"{track_id}: trap at 100 BPM in A minor", bpm=100.0,
                     key="A minor", genre="hiphop", tier=1)  # fmt: skip


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    root = tmp_path_factory.mktemp("lane")
    made = Lane(root, kit.unpack(root) / "codec")
    ids = sorted(i for side in SIDES.values() for i in side)
    written = []
    for track_id in ids:
        members = [Member(track_id, f"{v}.flac", flac_bytes(wav, RATE)) for v, wav in sound(track_id).items()]
        written.append([*members, shards.note(track_id, {}, members)])
    shards.write(root / "audio", written)
    write_tracks(root / "audio/tracks.csv", [made.row(i) for i in ids])
    for side, those in SIDES.items():
        write_tracks(root / "splits" / f"{side}.csv", [made.row(i) for i in those])
    return made


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOWEND_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        patch.setenv("LOWEND_WORKERS", "1")
        yield


@pytest.fixture(scope="module")
def plain(lane: Lane) -> Path:
    return lane.encode("plain")


@pytest.fixture(scope="module")
def wild(lane: Lane) -> Path:
    return lane.encode("wild", **WILD)


def members(tokens_of: Path) -> dict[str, bytes]:
    return {m.path: m.data for m in shards.read(tokens_of / "lane")}


def array(encoded: bytes) -> np.ndarray:
    return np.load(io.BytesIO(encoded))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "lane").iterdir()}


def test_by_default_there_are_codes_and_bands_of_every_view_and_no_takes(plain: Path) -> None:
    found = members(plain)
    ids = [i for side in SIDES.values() for i in side]
    assert set(found) == {f"{i}.{v}.{kind}" for i in ids for v in VIEWS for kind in ("npy", "bands.npy")}
    for track_id in ids:
        views = sound(track_id)
        codes, levels = (array(found[f"{track_id}.mix.{kind}"]) for kind in ("npy", "bands.npy"))
        assert codes.dtype == np.int16 and levels.dtype == np.float16 and levels.shape == (3, codes.shape[1])
        low, _, high = from_levels(levels)
        assert low[5:-5].mean() == pytest.approx(float(np.mean(views["bass"] ** 2)), rel=0.1)
        assert high.mean() == pytest.approx(float(np.mean(views["drums"] ** 2)), rel=0.3)


def test_takes_are_of_the_train_side_and_leave_the_originals_as_they_were(plain: Path, wild: Path) -> None:
    before, after = members(plain), members(wild)
    assert {name: after[name] for name in before} == before
    added = {name for name in after if name not in before}
    assert added == {
        f"{i}.{v}.{n}.{kind}"
        for i in SIDES["train"]
        for v in VIEWS
        for n in (0, 1)
        for kind in ("npy", "bands.npy", "json")
    }
    for name in added:
        if name.endswith(".bands.npy"):
            codes = after[name.replace(".bands", "")]
            assert array(after[name]).shape[1] == array(codes).shape[1] and codes not in before.values()


def test_every_view_of_a_take_is_changed_alike(wild: Path) -> None:
    found = members(wild)
    for track_id in SIDES["train"]:
        for n in (0, 1):
            facts = [json.loads(found[f"{track_id}.{view}.{n}.json"]) for view in VIEWS]
            assert facts[0] == facts[1] and set(facts[0]) == {"stretch", "semitones", "blend"}
            assert facts[0]["blend"] in {"", *SIDES["train"]} - {track_id}
    drawn = {found[f"{i}.mix.{n}.json"] for i in SIDES["train"] for n in (0, 1)}
    assert len(drawn) > 3, "each take has its own draw"


def test_captions_tell_the_tempo_and_key_of_the_take(lane: Lane, wild: Path) -> None:
    found, changed = members(wild), 0
    for row in data.load(wild, lane.root / "splits/train.csv", "mix", TEMPLATE, 50):
        assert row.texts == (f"{row.track_id}: trap at 100 BPM in A minor",) and len(row.variants) == 2
        for n, variant in enumerate(row.variants):
            facts = json.loads(found[f"{row.track_id}.mix.{n}.json"])
            said = f"trap at {100 * facts['stretch']:.0f} BPM in {key_of(facts['semitones'])}"
            blend = facts["blend"]
            assert variant.texts == (
                f"{row.track_id}: {said}" + (f", blended with a little {blend}: {said}" if blend else ""),
            )
            assert variant.codes.shape[1] == pytest.approx(50 * SECONDS / facts["stretch"], abs=2)
            changed += facts["stretch"] != 1 and facts["semitones"] != 0
    assert changed > 1


def key_of(semitones: int) -> str:
    return {-2: "G", -1: "Ab", 0: "A", 1: "Bb", 2: "B"}[semitones] + " minor"


def test_dubstep_is_never_stretched(lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    monkeypatch.setattr(codecs, "encode", lambda _, wav: np.zeros((4, wav.shape[1] // 640), np.int16))
    found = members(lane.encode("dubstep", "dubstep", variants=3, effects=[], stems_db=0.0))
    facts = [json.loads(data) for name, data in found.items() if name.endswith(".json")]
    assert len(facts) == 18 and {f["stretch"] for f in facts} == {1.0} and len({f["semitones"] for f in facts}) > 2


def test_a_take_is_as_loud_as_its_view(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[np.ndarray] = []

    def listen(codec: object, wav: np.ndarray) -> np.ndarray:
        heard.append(wav)
        return honest(codec, wav)

    honest = codecs.encode
    monkeypatch.setattr(codecs, "encode", listen)
    config = params.build(augment.AugmentConfig, augmenting(variants=4, chance=1.0, mixup=[0.1, 0.3]), "encode.augment")
    takes = tokens.Takes(0, "hiphop", config, (None, augment.Blend("b", 0.3), None, augment.Blend("c", 0.2)))
    tokens.encode_track(tokens.Job("a", Path(), lane.root / "audio", lane.codec, VIEWS, takes))
    assert len(heard) == 10
    for first in (0, 5):
        loud = [integrated_lufs(wav, RATE) for wav in heard[first : first + 5]]
        assert loud == pytest.approx([loud[0]] * 5, abs=0.1) and np.isfinite(loud[0])
    assert all(np.abs(wav).max() <= 0.99 for wav in heard)


def augmenting(**change: object) -> dict[str, object]:
    return params.load("encode.augment", path=ROOT / "params.yaml")["encode.augment"] | change


def test_stems_move_in_mixes_alone_and_by_the_same_gains(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[int, np.ndarray] = {}
    monkeypatch.setattr(codecs, "encode", lambda _, wav: taken.setdefault(len(taken), wav)[:, ::640].astype(np.int16))
    quiet = augmenting(variants=1, pitch={}, stretch={}, effects=[], stems_db=3.0)
    takes = tokens.Takes(0, "hiphop", params.build(augment.AugmentConfig, quiet, "encode.augment"), (None,))
    job = tokens.Job("a", Path(), lane.root / "audio", lane.codec, ("mix", "bass_drums", "drums"), takes)
    tokens.encode_track(job)
    views = sound("a")
    parts = np.stack([views["drums"][0], views["bass"][0], (views["mix"] - views["bass_drums"])[0]])
    mix, both = (np.linalg.lstsq(parts.T, taken[n][0], rcond=None)[0] for n in (1, 3))
    assert abs(20 * np.log10(mix[0] / mix[1])) > 0.5
    assert both[0] / both[1] == pytest.approx(mix[0] / mix[1], rel=0.01)
    np.testing.assert_allclose(taken[5], taken[4], atol=1e-3)


def test_only_what_a_parameter_touches_is_encoded_again(
    lane: Lane, plain: Path, wild: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def note(job: tokens.Job) -> list[Member]:
        made.append(job.id)
        return [Member(job.id, "mix.npy", b"")]

    monkeypatch.setattr(tokens, "encode_track", note)
    monkeypatch.setattr("lowend.cache._store", lambda make, jobs: list(make(jobs)))
    monkeypatch.setattr(shards, "merge", lambda *_: None)
    for change, expected in (
        ({}, ""), ({"stems_db": 1.0, "chance": 0.9}, ""), (WILD, ""), (WILD | {"chance": 0.5}, "abc"),
    ):  # fmt: skip
        made.clear()
        lane.encode("again", **change)
        assert "".join(made) == expected, change


def test_bytes_do_not_depend_on_workers(
    lane: Lane, wild: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    monkeypatch.setenv("LOWEND_WORKERS", "2")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    assert bytes_of(lane.encode("again", **WILD)) == bytes_of(wild)


def test_a_take_that_needs_stems_says_what_lacks(lane: Lane, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    mix = [Member("a", "mix.flac", flac_bytes(sound("a")["mix"], RATE))]
    shards.write(tmp_path / "audio", [mix])
    config = params.build(augment.AugmentConfig, augmenting(variants=1), "encode.augment")
    takes = tokens.Takes(0, "hiphop", config, (None,))
    job = tokens.Job("a", Path(), tmp_path / "audio", lane.codec, ("mix",), takes)
    with pytest.raises(
        UserError, match=r"encode.augment.stems_db asks for 'drums', which normalize.views does not hold"
    ):
        tokens.encode_track(job)


def test_a_freshly_encoded_set_trains_with_band_weights(
    lane: Lane, wild: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[data.Batch] = []
    at = data.Sampler.at
    monkeypatch.setattr(data.Sampler, "at", lambda sampler, n: batches.append(at(sampler, n)) or batches[-1])
    monkeypatch.chdir(ROOT)
    section = params.load("train", path=ROOT / "params.yaml")["train"]
    change = {"steps": 2, "batch_size": 2, "segment_s": 1.0, "shortest_s": 1.0, "warmup": 1, "validate_every": 2}
    train = params.build(TrainConfig, section | change | {"band_weights": [2.0, 1.0, 0.5]}, "train")
    config = stage.StageConfig("base", "hiphop", "mix", 1.0, 1.0, 1.0, "own", "hiphop", 0.0)
    splits = lane.root / "splits"
    folders = stage.Folders(lane.codec.parent / "base", wild, splits, wild, splits, tmp_path / "out")
    found = stage.run("mine", folders, stage.Settings(0, 1e-3, "commercial", train, config), lambda _: None)
    assert found["last_step"] == 2 and np.isfinite(found["ce"])
    weights = np.concatenate([batch.weights for batch in batches if batch.weights is not None])
    assert len(weights) == 4 and 0.5 <= weights.min() < 1.0 < weights.max() <= 2.0
    assert (weights.std(1) > 0.05).all(), "ticks and the bass between them count differently"


def test_takes_are_made_again_where_the_track_that_is_blended_in_changed() -> None:
    config = params.build(augment.AugmentConfig, augmenting(**WILD), "encode.augment")
    takes = tokens.Takes(0, "hiphop", config, (None, augment.Blend("b", 0.2)))
    digests = {"a": "1", "b": "2", "c": "3"}
    assert encode.inputs(takes, digests) == encode.inputs(takes, digests | {"c": "9"})
    assert encode.inputs(takes, digests) != encode.inputs(takes, digests | {"b": "9"})
    assert encode.inputs(None, digests) == []
