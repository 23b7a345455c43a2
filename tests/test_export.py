"""The release: an exported folder loads without this library."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import kit
import pytest
import torch

from lowend import export
from lowend.errors import UserError
from lowend.models import audiocraft_format, musicgen
from lowend.models.families import Format
from lowend.tracks import write_json


def test_export_loads_as_audiocrafts_musicgen(tmp_path: Path) -> None:
    models = kit.unpack(tmp_path)
    audiocraft_format.write(tmp_path / "out", models / "base", models / "codec")
    spec = importlib.util.spec_from_file_location("load", tmp_path / "out" / "load.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load(tmp_path / "out", device="cpu")
    assert type(model).__module__ == "audiocraft.models.musicgen"
    model.set_generation_params(duration=0.4, extend_stride=10)
    wav = model.generate(["trap hip-hop at 140 BPM in F minor"])
    assert wav.shape[:2] == (1, 1) and torch.isfinite(wav).all()
    ours = musicgen.load(models / "base").state_dict()
    assert all(torch.equal(ours[k], v) for k, v in model.lm.state_dict().items())


def test_the_starters_card_says_why_transformers_cannot_hold_it(tmp_path: Path) -> None:
    models = kit.unpack(tmp_path)
    export.release(models / "base", models / "codec", tmp_path, tmp_path / "out")
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["audiocraft"]
    card = (tmp_path / "out/audiocraft/README.md").read_text()
    assert "library_name: audiocraft" in card and 'model = load(".")' in card
    assert "The model is not there in transformers' format: its positions are rotary" in card


def test_a_release_without_fad_has_a_dash_in_its_card(tmp_path: Path) -> None:
    write_json(tmp_path / "lineage.json", {
        "base": "starter", "revision": "abc", "commercial": True, "stages": [], "tracks": [],
    })  # fmt: skip
    nats = {"ce_base": 5.0, "ce": 4.0, "ce_low": 3.5, "ce_high": 4.5}
    distances = {"against_fad": 9.0, "fad": 8.0, "fad_low": 7.0, "fad_high": 9.5}
    card = export.card(tmp_path, {"heard": nats | distances, "unheard": nats}, Format("audiocraft", "audiocraft", ""))
    assert "| heard | 5.000 | 4.000 (3.500–4.500) | 9.00 | 8.00 (7.00–9.50) |" in card
    assert "| unheard | 5.000 | 4.000 (3.500–4.500) | – | – |" in card


def test_a_release_of_before_outlives_an_unknown_family(tmp_path: Path) -> None:
    write_json(tmp_path / "model/lineage.json", {"family": "audioldm"})
    (tmp_path / "out/audiocraft").mkdir(parents=True)
    with pytest.raises(UserError, match="model/lineage.json: `family` is 'audioldm', and known are musicgen"):
        export.release(tmp_path / "model", tmp_path, tmp_path, tmp_path / "out")
    assert (tmp_path / "out/audiocraft").is_dir()
