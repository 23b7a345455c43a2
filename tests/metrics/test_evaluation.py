"""What an evaluation reports of two sets of clips, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest

from lowend import clips, params
from lowend.audio import analysis
from lowend.audio.io import Wave
from lowend.errors import UserError
from lowend.metrics import evaluation
from lowend.metrics.embedders import Embedder, Embeddings

RATE = 16_000
CLIPS = 9


class Ear:
    """An embedder whose embeddings lie where the clip's level says; it remembers what it heard."""

    def __init__(self) -> None:
        self.heard = 0

    def embed(self, wav: Wave, rate: int) -> Embeddings:
        self.heard += 1
        draw = np.random.default_rng(round(1e4 * float(wav.std())))
        return 20 * float(wav.std()) + draw.standard_normal((5, 3))

    def tags(self, embedded: Embeddings) -> dict[str, float]:
        return {"loudness": float(embedded.mean())}


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    heard = Ear()
    monkeypatch.setattr(evaluation, "EMBEDDERS", {"ear": lambda _: Embedder(heard.embed, 30, heard.tags)})
    monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: analysis.Analysis(140.0, "F minor", 1.0))
    monkeypatch.setattr(evaluation, "real_clips", lambda *_: sounds(0.1, 12))
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    return heard


def sounds(level: float, count: int) -> list[tuple[Wave, int]]:
    draw = np.random.default_rng(0)
    return [(draw.normal(0, level, (1, 2 * RATE)).astype(np.float32).clip(-0.9, 0.9), RATE) for _ in range(count)]


def folder(path: Path, level: float, count: int = CLIPS) -> Path:
    prompts = [clips.Prompt("dubstep at 140 BPM", "dubstep", 140.0, "F minor")] * count
    clips.write(path, prompts, range(count), [wav for wav, _ in sounds(level, count)], RATE)
    return path


def compared(mine: Path, theirs: Path) -> dict[str, float]:
    nowhere = Path("nowhere")
    folders = evaluation.Folders(nowhere, nowhere, nowhere, nowhere, nowhere, kit.KIT / "tagger")
    config = evaluation.EvaluateConfig(bootstrap=100, analysis="ear", embedder="ear")
    return evaluation.compare("x", mine, theirs, folders, config)[0]


def test_the_closer_set_is_closer_by_every_distance_and_is_heard_once(ear: Ear, tmp_path: Path) -> None:
    found = compared(folder(tmp_path / "near", 0.11), folder(tmp_path / "far", 0.2))
    assert ear.heard == 12 + 2 * CLIPS
    for name in ("fad", "mmd"):
        assert found[name] < found[f"against_{name}"]
        assert found[f"{name}_change"] == pytest.approx(found[name] - found[f"against_{name}"], abs=2e-4)
        assert found[f"{name}_change_low"] <= found[f"{name}_change"] <= found[f"{name}_change_high"] < 0
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert found["real_windows"] == 60 and found["embedding_width"] == 3 and found["clips"] == CLIPS
    assert found["loudness_low"] < found["loudness"] < found["against_loudness"]
    assert found["real_loudness"] == pytest.approx(2, abs=0.5) and "real_loudness_low" not in found
    assert 0 < found["real_genre_probability"] < 1


def test_too_few_windows_are_refused_before_anything_is_judged(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "of_clips", lambda *_: pytest.fail("judged"))
    few, enough = folder(tmp_path / "few", 0.1, 5), folder(tmp_path / "enough", 0.1)
    for sets in ((few, enough), (enough, few)):
        with pytest.raises(
            ValueError, match=r"at least 30 windows of clips, got 25: raise generate\.clips or generate"
        ):
            compared(*sets)
    with pytest.raises(ValueError, match=r"at least 8 clips, got 7: raise generate\.clips"):
        compared(folder(tmp_path / "seven", 0.1, 7), enough)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedder": "vggish"}, "evaluate.embedder must be one of starter, musicnn, got 'vggish'"),
        ({"bootstrap": 99}, "evaluate.bootstrap must be 100 or more, got 99"),
    ],
)
def test_settings_are_checked(change: dict[str, object], message: str) -> None:
    section = {"bootstrap": 100, "analysis": "librosa", "embedder": "musicnn"}
    assert params.build(evaluation.EvaluateConfig, section, "evaluate").embedder == "musicnn"
    with pytest.raises(UserError, match=message):
        params.build(evaluation.EvaluateConfig, section | change, "evaluate")
