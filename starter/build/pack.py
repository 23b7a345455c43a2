"""Pack the trained models as the starter kit, in audiocraft's, demucs' and safetensors' own forms, fp16.

By hand: python pack.py --work work --out work/packed
The ear for wobbles, which listens to what is packed here, comes last and is added by wobble.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import common

_FIGURES = ("codec", "separator", "refined", "tagger", "finished/musicgen")


def half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """fp16 floats; a value that fp16 cannot hold is an error, not an infinity."""
    out = {}
    for name, value in state.items():
        if value.is_floating_point():
            if value.abs().max() > 6e4:
                raise ValueError(f"{name} holds {value.abs().max():.3g}, which fp16 cannot")
            value = value.half()
        out[name] = value.clone().contiguous()
    return out


def without_averages(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The average behind a codebook only matters to its training: it becomes the codebook, which is saved once."""
    return {name: state[name.replace(".embed_avg", ".embed")] for name in state}


def export(path: Path, state: dict, config: str) -> None:
    """What audiocraft.utils.export writes."""
    package = {
        "best_state": state, "xp.cfg": config,
        "version": version("audiocraft"), "exported": True,
    }  # fmt: skip
    torch.save(package, path)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--work", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    work, out = given.work, given.out
    common.params("codec")
    shutil.rmtree(out, ignore_errors=True)
    for name in ("musicgen", "separator", "tagger"):
        (out / name).mkdir(parents=True)
    codec = torch.load(work / "codec.pt", weights_only=True)
    export(out / "musicgen/compression_state_dict.bin", without_averages(half(codec["best_state"])), codec["xp.cfg"])
    lm = torch.load(work / "finished/lm.pt", weights_only=True)
    export(out / "musicgen/state_dict.bin", half(lm["best_state"]), lm["xp.cfg"])
    shutil.copytree(work / "finished/t5", out / "musicgen/t5")
    t5 = out / "musicgen/t5/model.safetensors"
    save_file(half(load_file(t5)), t5, metadata={"format": "pt"})
    separator = torch.load(work / "refined.pt", weights_only=True)
    metadata = {
        "klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(separator["kwargs"]),
    }  # fmt: skip
    save_file(half(separator["state"]), out / "separator/model.safetensors", metadata=metadata)
    tagger = torch.load(work / "tagger.pt", weights_only=True)
    save_file(half(tagger["state"]), out / "tagger/model.safetensors")
    (out / "tagger/classes.txt").write_text("\n".join(tagger["classes"]) + "\n")
    lines = [(work / f"{n}.txt").read_text() for n in _FIGURES]
    (out / "figures.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
