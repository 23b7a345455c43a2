"""The release: an exported folder loads without this library."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import kit
import torch

from lowend import export
from lowend.models import musicgen


def test_export_loads_as_audiocrafts_musicgen(tmp_path: Path) -> None:
    models = kit.unpack(tmp_path)
    export.audiocraft(models / "base", models / "codec", tmp_path / "out")
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
