"""The whole graph at a tiny size, through DVC, in a clone; then what reruns, and why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import add_sources, beat, reruns, run

pytestmark = pytest.mark.pipeline
TRAIN = {
    "hiphop-drums", "hiphop-bass-drums", "hiphop-full", "dubstep-bass", "dubstep-drums", "dubstep-drops",
    "dubstep-full", "hybrid", "joint",
}  # fmt: skip


EVALUATIONS = {"hiphop-full", "dubstep-full", "joint-hiphop", "joint-dubstep"}
FORGETTING = {"hiphop-full", "joint"}


def test_the_run_leaves_reports_models_and_a_clean_tree(repo: Path) -> None:
    assert run(repo, "git", "status", "--porcelain") == ""
    for key in ("hiphop-full", "dubstep-full", "joint-hiphop", "joint-dubstep"):
        html = (repo / "reports" / key / "index.html").read_text()
        assert html.count("<audio controls preload") == 18, "two of each of nine prompts"
        metrics = json.loads((repo / f"metrics/evaluate/{key}.json").read_text())
        assert metrics["clips"] == 9 and metrics["fad_low"] <= metrics["fad_high"]
        assert {"classified_genre_right", "real_classified_genre_right"} <= metrics.keys()
    for key in FORGETTING:
        assert json.loads((repo / f"metrics/forgetting/{key}.json").read_text())["clips"] == 9
        assert (repo / f"metrics/forgetting/{key}.csv").read_text().count("\n") == 10
    for key in TRAIN:
        assert {p.name for p in (repo / "models" / key).iterdir()} == {
            "model.safetensors", "ema.safetensors", "config.json", "lineage.json", "t5"
        }  # fmt: skip
    lineage = json.loads((repo / "models/joint/lineage.json").read_text())
    assert [s["key"] for s in lineage["stages"]] == [
        "hiphop-drums", "hiphop-bass-drums", "hiphop-full", "hybrid", "joint"
    ]  # fmt: skip
    assert lineage["commercial"] and {t["licence"] for t in lineage["tracks"]} == {"CC0-1.0"}


def test_nothing_reruns_when_nothing_changed(clone: Path) -> None:
    assert reruns(clone) == set()


def test_lr_reruns_training_and_what_follows(clone: Path) -> None:
    run(clone, "dvc", "exp", "run", "-s", "base", "-S", "lr=5e-6")
    assert "lr: 5e-06" in (clone / "params.yaml").read_text()
    found = reruns(clone)
    follow = {f"{kind}@{key}" for kind in ("generate", "evaluate", "report") for key in EVALUATIONS}
    follow |= {name for key in FORGETTING for name in (f"generate@{key}-neutral", f"forget@{key}")}
    assert found == {f"train@{key}" for key in TRAIN} | follow | {"export", "compare"}
    read = run(clone, "python", "-c", "from lowend import params; print(type(params.load('lr')['lr']).__name__)")
    assert read.strip() == "float"


def test_a_prompt_reruns_one_lanes_clips_only(clone: Path) -> None:
    with (clone / "prompts/dubstep.csv").open("a") as file:
        file.write("dubstep,dubstep,140,\n")
    found = reruns(clone)
    assert "generate@base-dubstep" in found
    assert not any("hiphop" in s for s in found) and not any(s.startswith("train") for s in found)


def test_a_stages_own_number_leaves_the_other_lane_alone(clone: Path) -> None:
    text = (clone / "params.yaml").read_text()
    start = text.index("  dubstep-drops:")
    (clone / "params.yaml").write_text(text[:start] + text[start:].replace("lr_scale: 1.0", "lr_scale: 0.7", 1))
    found = {s for s in reruns(clone) if s.startswith("train@")}
    assert found == {"train@dubstep-drops", "train@dubstep-full"}


def _folder_source(where: Path) -> Path:
    tracks = where / "my tracks"
    for n in range(3):
        beat(tracks / f"{n}.wav", n)
    add_sources(where, "sources:\n  mine:\n    kind: folder\n    genre: dubstep\n    path: my tracks\n")
    return tracks


def test_a_dropped_track_is_noticed_and_a_removed_source_leaves_nothing(clone: Path) -> None:
    lock = (clone / "dvc.lock").read_text()
    params = (clone / "params.yaml").read_text()
    tracks = _folder_source(clone)
    run(clone, "dvc", "repro", "-q", "split", "encode@mine")
    assert "data/audio/dubstep/mine" in (clone / "dvc.lock").read_text()
    assert reruns(clone, "download@mine") == set()
    shutil.copy(tracks / "1.wav", tracks / "copy.wav")
    assert "download@mine" in reruns(clone, "download@mine")

    (clone / "params.yaml").write_text(params)
    shutil.rmtree(tracks)
    run(clone, "python", "src/prune.py")
    assert not (clone / "data/raw/dubstep/mine").exists() and not (clone / "data/tokens/dubstep/mine").exists()
    run(clone, "dvc", "repro", "-q")
    assert (clone / "dvc.lock").read_text() == lock
    assert run(clone, "git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("change", "target", "message"),
    [
        (("model: starter", "model: nothing"), "separate@hiphop-synth", "`separate.model` must be one of starter"),
        (("lufs: -16.0", "loudness: -16.0"), "normalize@hiphop-synth", "`normalize.lufs` is missing"),
        (("kind: synth", "kind: radio"), "download@hiphop-synth", "must be one of synth, folder"),
        (("licence: commercial", "licence: mine"), "split@hiphop", "`licence` must be commercial or research"),
    ],
)
def test_bad_params_end_with_one_sentence(clone: Path, change: tuple[str, str], target: str, message: str) -> None:
    path = clone / "params.yaml"
    path.write_text(path.read_text().replace(*change, 1))
    output = run(clone, "dvc", "repro", "-s", target, ok=False)
    assert message in output and "Traceback" not in output


def test_outside_the_environment_a_script_says_so(repo: Path) -> None:
    system = Path(os.path.realpath(sys.executable))
    code = "import sys; sys.prefix = sys.base_prefix; from lowend.errors import script; script(print)"
    done = subprocess.run([system, "-c", code], env={"PYTHONPATH": str(repo / "src")}, capture_output=True, text=True)
    assert done.returncode == 1 and "source .venv/bin/activate" in done.stderr and "Traceback" not in done.stderr
