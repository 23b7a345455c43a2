"""The release in the formats of the ecosystem: audiocraft's two files and a model card."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file
from torch import Tensor

from lowend.models import checkpoints

_LOADER = '''"""Load this model: `from load import load; model = load("path/to/this/folder")`.

audiocraft refuses a T5 that it has no name for, so this registers the one in t5/ first.
"""

import json
from pathlib import Path


def load(folder, device=None):
    """An `audiocraft.models.MusicGen` from an exported folder."""
    from audiocraft.models import MusicGen, builders, loaders
    from audiocraft.modules.conditioners import T5Conditioner
    from omegaconf import OmegaConf
    import torch

    folder = Path(folder).resolve()
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    package = torch.load(folder / "state_dict.bin", map_location="cpu", weights_only=True)
    config = OmegaConf.create(package["xp.cfg"])
    config.device, config.dtype = device, "float32" if device == "cpu" else "float16"
    if (folder / "t5").is_dir():
        name = str(folder / "t5")
        T5Conditioner.MODELS.append(name)
        T5Conditioner.MODELS_DIMS[name] = json.loads((folder / "t5/config.json").read_text())["d_model"]
        config.conditioners.description.t5.name = name
    lm = builders.get_lm_model(config)
    lm.load_state_dict(package["best_state"])
    lm.cfg = config
    if (folder / "codec").is_dir():
        from audiocraft.models.encodec import HFEncodecCompressionModel
        from transformers import EncodecModel

        codec = HFEncodecCompressionModel(EncodecModel.from_pretrained(folder / "codec")).to(device).eval()
    else:
        codec = loaders.load_compression_model(str(folder), device=device)
    return MusicGen(folder.name, codec, lm.eval())
'''


def _package(path: Path, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """What audiocraft.utils.export writes: the config as YAML, because a DictConfig would be a pickle."""
    package = {
        "best_state": dict(state),
        "xp.cfg": OmegaConf.to_yaml(OmegaConf.create(dict(config))),
        "version": version("audiocraft"),
        "exported": True,
    }
    torch.save(package, path)


def audiocraft(model: Path, codec: Path, out: Path) -> None:
    """Write state_dict.bin, load.py, where there is one t5/, and the codec.

    It is compression_state_dict.bin, which may point to a hub; a codec of transformers' from elsewhere,
    which that file cannot hold, is a folder codec/ that load.py reads.
    """
    out.mkdir(parents=True)
    _package(out / "state_dict.bin", checkpoints.read_state(model), checkpoints.read_json(model, "config.json"))
    if (codec / checkpoints.POINTER_FILE).exists():
        pointer = checkpoints.read_json(codec, checkpoints.POINTER_FILE)
        torch.save({**pointer, "exported": True, "version": version("audiocraft")}, out / "compression_state_dict.bin")
    elif (codec / "hf").is_dir():
        shutil.copytree(codec / "hf", out / "codec")
    else:
        state = load_file(codec / "model.safetensors")
        _package(out / "compression_state_dict.bin", state, checkpoints.read_json(codec, "config.json"))
    if (model / "t5").is_dir():
        shutil.copytree(model / "t5", out / "t5")
    (out / "load.py").write_text(_LOADER)


def card(model: Path, metrics: Mapping[str, Mapping[str, float]]) -> str:
    """README.md of the release: what it was made from, under which licences, and how it measured."""
    lineage = checkpoints.read_json(model, "lineage.json")
    licences = Counter(row["licence"] or "unknown" for row in lineage["tracks"])
    use = "commercial use" if lineage["commercial"] else "research only"
    lines = [
        "---",
        f"license: {'cc0-1.0' if lineage['commercial'] else 'cc-by-nc-4.0'}",
        "library_name: audiocraft",
        "pipeline_tag: text-to-audio",
        "---",
        f"# {model.name}",
        "",
        f"Fine-tuned from {lineage['base']} (revision {lineage['revision'][:16]}), for {use}.",
        "Stages: " + " → ".join(stage["key"] for stage in lineage["stages"]) + ".",
        f"Tracks: {len(lineage['tracks'])} ("
        + ", ".join(f"{count} {name}" for name, count in sorted(licences.items()))
        + "); their ids stand in lineage.json.",
        "",
        "| evaluation | cross-entropy, base | after | FAD, held against | after |",
        "|---|---|---|---|---|",
    ]
    for key, m in sorted(metrics.items()):
        fad = "– | –"
        if "fad" in m:
            fad = f"{m['against_fad']:.2f} | {m['fad']:.2f} ({m['fad_low']:.2f}–{m['fad_high']:.2f})"
        ce = f"{m['ce_base']:.3f} | {m['ce']:.3f} ({m['ce_low']:.3f}–{m['ce_high']:.3f})"
        lines.append(f"| {key} | {ce} | {fad} |")
    lines += ["", "```python", "from load import load", "", 'model = load(".")']
    lines += ["model.set_generation_params(duration=8, extend_stride=10)"]
    lines += ['wav = model.generate(["trap hip-hop at 140 BPM in F minor"])', "```", ""]
    return "\n".join(lines)


def release(model: Path, codec: Path, metrics: Path, out: Path) -> None:
    """Write `out/audiocraft/` with its card and lineage, from all metrics of evaluations of `model`'s chain."""
    shutil.rmtree(out, ignore_errors=True)
    audiocraft(model, codec, out / "audiocraft")
    measured = {path.stem: json.loads(path.read_text()) for path in sorted(metrics.glob("*.json"))}
    (out / "audiocraft" / "README.md").write_text(card(model, measured))
    shutil.copyfile(model / "lineage.json", out / "audiocraft" / "lineage.json")
