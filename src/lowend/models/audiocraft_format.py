"""MusicGen as audiocraft keeps it: the two files of `audiocraft.utils.export`, and a loader for a T5 of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file
from torch import Tensor

from lowend.models import checkpoints
from lowend.models.families import Format

NAME = "audiocraft"
_USAGE = """from load import load

model = load(".")
model.set_generation_params(duration=8, extend_stride=10)
wav = model.generate(["trap hip-hop at 140 BPM in F minor"])"""

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


def write(out: Path, model: Path, codec: Path) -> Format:
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
    return Format(NAME, "audiocraft", _USAGE)
