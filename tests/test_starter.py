"""The kit that is shipped: what the pipeline recorded, small enough, and every file of it licensed."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lowend import cache, kit

ROOT = Path(__file__).resolve().parents[1]
KIT = ROOT / "starter/kit"
MODELS = ("musicgen", "separator", "tagger")
MOST_BYTES = 16_000_000


def dvc_hash(folder: Path) -> str:
    """DVC's hash of a folder: the MD5 of the JSON list of its files' MD5s, by path."""
    files = [
        {"md5": hashlib.md5((folder / name).read_bytes()).hexdigest(), "relpath": name} for name in kit.files(folder)
    ]
    listed = json.dumps(sorted(files, key=lambda file: Path(file["relpath"]).parts), sort_keys=True)
    return hashlib.md5(listed.encode()).hexdigest() + ".dir"


def recorded(name: str) -> set[str]:
    """Every hash of a folder of the kit in dvc.lock."""
    stages = YAML(typ="safe").load(ROOT / "dvc.lock")["stages"].values()
    return {d["md5"] for stage in stages for d in stage.get("deps", []) if d["path"] == f"starter/kit/{name}"}


@pytest.mark.parametrize("name", MODELS)
def test_the_kit_is_the_one_that_the_pipeline_ran_with(name: str) -> None:
    assert recorded(name) == {dvc_hash(KIT / name)}


def test_everything_in_the_kit_is_named_with_its_licence() -> None:
    table = (ROOT / "starter/LICENSES.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\|[^|]*\| (CC0-1\.0) \|", table, re.MULTILINE)
    assert [name for name, _ in rows] == sorted(kit.files(KIT))


def test_kit_page_and_figures_are_small_enough_for_git() -> None:
    beside = [ROOT / "docs/starter.html", ROOT / "starter/LICENSES.md", *(ROOT / "starter/metrics").glob("*")]
    total = sum(kit.files(KIT).values()) + sum(path.stat().st_size for path in beside if path.exists())
    assert total <= MOST_BYTES


def test_no_file_of_the_kit_runs_code_when_it_is_read() -> None:
    import torch

    for path in KIT.rglob("*.bin"):
        assert "best_state" in torch.load(path, map_location="cpu", weights_only=True)
    assert {path.suffix for path in KIT.rglob("*") if path.is_file()} <= {".bin", ".json", ".safetensors", ".txt"}


@pytest.mark.parametrize("name", ["starter", "damage"])
def test_figures_are_of_the_kit_that_is_shipped(name: str) -> None:
    found = json.loads((ROOT / f"starter/metrics/{name}.json").read_text())
    rows = found["rows"] if name == "starter" else [row for case in found["cases"] for row in case["rows"]]
    assert rows and all(row["kit"] for row in rows)
    for part, digest in {(part, digest) for row in rows for part, digest in row["kit"].items()}:
        assert cache.files(KIT / part) == digest, f"{part} changed: run benchmarks/starter.py again"
