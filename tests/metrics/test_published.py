"""FAD by the published embedders, end to end, from weights that are made here; and without any."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import kit
import numpy as np
import pytest
import tinyclap
import torch
from torch import nn

from lowend import clips, shards
from lowend.audio import analysis
from lowend.metrics import classifier, embedders, evaluation, fad
from lowend.metrics.absent import Absent
from lowend.metrics.embedders import DEAF, PUBLISHED
from lowend.metrics.evaluation import EvaluateConfig
from lowend.metrics.listening import Judged
from lowend.metrics.reference import Folders
from lowend.models import codec as codecs
from lowend.shards import Member
from lowend.tracks import Track, write_tracks

RATE = 32_000
CLIPS = 14


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.unpack(tmp_path_factory.mktemp("kit")) / "codec"


def config(embedder: str, weights: str) -> EvaluateConfig:
    return EvaluateConfig(
        bootstrap=100, analysis="none", embedder=embedder, parts=("low",), kld="", clap="", weights=weights,
        kld_weights="",
    )  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path, codec: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Six tracks of random codes, which the kit's codec makes a kind of noise of: four are held out."""
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: analysis.Analysis(140.0, "F minor", 1.0))
    members = []
    for n in range(6):
        file = io.BytesIO()
        np.save(file, codes(n, 350))
        members.append([Member(f"t{n}", "mix.npy", file.getvalue())])
    shards.write(tmp_path / "tokens/source", members)
    for place, side in enumerate(("train", "valid", "test")):
        tracks = [Track(id=f"t{2 * place + n}", file_path="", sub_genre="dubstep", tier=1) for n in (0, 1)]
        write_tracks(tmp_path / f"splits/{side}.csv", tracks)
    nowhere = tmp_path / "nowhere"
    return Folders(nowhere, nowhere, codec, tmp_path / "tokens", tmp_path / "splits", kit.KIT / "tagger")


def codes(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1024, (4, frames)).astype(np.int16)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (1, 2 * RATE)).astype(np.float32).clip(-0.9, 0.9)


def tone(seed: int) -> np.ndarray:
    t = np.arange(2 * RATE) / RATE
    return (0.2 * np.sin(2 * np.pi * np.random.default_rng(seed).uniform(200, 900) * t))[None].astype(np.float32)


UNLEARNED = {"memorisation_absent", "classified_genre_right_absent", "classified_sub_genre_right_absent"}


def compared(path: Path, folders: Folders, embedder: str, weights: str) -> tuple[dict[str, float], list[Judged]]:
    prompts = [clips.Prompt("dubstep at 140 BPM", "dubstep", 140.0, "F minor")] * CLIPS
    codec = codecs.load(folders.codec)
    like = [codecs.decode(codec, torch.from_numpy(codes(100 + n, 100)[None]))[0].clip(-1, 1) for n in range(CLIPS)]
    for name, sounds in (("like", like), ("tones", [tone(n) for n in range(CLIPS)])):
        clips.write(path / name, prompts, range(CLIPS), sounds, RATE)
    asked = config(embedder, weights)
    unlearned, _ = classifier.build(embedder, [], [], 100)  # there is one genre
    subject = evaluation.Subject("x", "dubstep", unlearned)
    found, sides = evaluation.compare(subject, path / "like", path / "tones", folders, path / "nowhere", asked)
    return found, sides["model"]


def test_an_evaluation_by_the_codecs_latents(tmp_path: Path, folders: Folders, codec: Path) -> None:
    found, judged = compared(tmp_path, folders, "encodec", str(codec))
    assert (found["embedding_width"], found["real_windows"]) == (64, 4 * 35)
    assert 0 < found["fad"] < found["against_fad"] and found["fad_change_high"] < 0
    assert found["mmd"] < found["against_mmd"] and "low_fad" in found and "fad_absent" not in found
    assert found["near_distance"] > 0 and all(one.fad is not None for one in judged)


def test_without_its_weights_the_other_figures_go_on(
    tmp_path: Path, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    found, judged = compared(tmp_path, folders, "vggish", str(tmp_path / "vggish.pth"))
    marked = {"fad_absent", "fad_infinity_absent", "mmd_absent", "low_fad_absent"}
    assert {name for name in found if name.endswith("_absent")} - UNLEARNED == marked
    assert not {"fad", "against_mmd", "mmd_change", "low_fad", "train_distance", "near_clips"} & set(found)
    assert {"lufs", "tempo_right", "genre_probability", "train_overlap", "against_train_overlap"} < set(found)
    assert judged[0].fad is None and judged[0].nearest.distance is None and judged[0].nearest.overlap is not None
    assert "distance to real music is absent: params.yaml: evaluate.weights must name vggish-1008" in caplog.text


def test_kept_references_are_not_those_of_other_weights(folders: Folders, codec: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(codec, tmp_path / "copy")
    names = [embedders.chosen("encodec", str(place), folders.kit)[1] for place in (codec, copy)]
    assert names[0] == names[1], "a folder may move"
    with (copy / "lineage.json").open("a") as file:
        file.write("\n")
    assert embedders.chosen("encodec", str(copy), folders.kit)[1] != names[0]
    ear, deaf = embedders.chosen("encodec", str(tmp_path / "none"), folders.kit)
    assert ear is DEAF and deaf not in names
    assert embedders.chosen("starter", "ignored", folders.kit)[1] == "starter"


@pytest.mark.parametrize(
    ("name", "example"),
    [("vggish", "vggish-10086976.pth"), ("pann", "Cnn14_16k"), ("clap", "laion/larger"), ("encodec", "models/codec")],
)
def test_an_embedder_without_weights_says_which(name: str, example: str) -> None:
    assert name in PUBLISHED
    with pytest.raises(Absent, match=rf"embedder: {name} needs `evaluate\.weights`.*{example}.*`evaluate\.embedder"):
        embedders.published(name, "")


def test_a_tone_is_farther_from_noise_than_noise_by_codec_and_untrained_clap(codec: Path, tmp_path: Path) -> None:
    for name, weights, least in (("encodec", codec, 128), ("clap", tinyclap.write(tmp_path), 16)):
        ear = embedders.published(name, str(weights))
        assert ear.least_windows == least
        measure = fad.distance_to(np.concatenate([ear.embed(noise(n), RATE) for n in range(40)]))
        same, other = ([ear.embed(make(100 + n), RATE) for n in range(20)] for make in (noise, tone))
        assert measure(other) > 3 * measure(same)


def test_pann_asks_for_4096_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedders.pann, "load", lambda *_: nn.Identity())
    few, ear = np.zeros((4095, 2048)), embedders.published("pann", "somewhere")
    with pytest.raises(ValueError, match="2048 dimensions needs at least 4096 windows of held-out tracks, got 4095"):
        fad.check(few, few, ear.least_windows)
