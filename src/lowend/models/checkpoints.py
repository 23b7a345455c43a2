"""Checkpoints of the pipeline: safetensors and JSON, nothing that runs code when it is read.

`models/<key>/` holds model.safetensors (the raw weights), ema.safetensors (their average, which
everything downstream uses where it is there), config.json (audiocraft's `xp.cfg`), lineage.json
and, for a language model with a text encoder of its own, t5/. A codec that a stereo model hears with,
one channel at a time, holds stereo.json.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lowend.errors import UserError
from lowend.tracks import write_json

State = dict[str, Tensor]

STEREO_FILE = "stereo.json"
"""In a mono codec's folder: how a stereo model's codebooks are made from left and right."""

POINTER_FILE = "pretrained.json"
"""In the folder of a codec from a hub: where audiocraft finds it."""


def read_audiocraft(path: Path) -> tuple[State, dict[str, Any]]:
    """State and config of a `state_dict.bin` that audiocraft exported.

    Raises:
        UserError: the file is missing, cut short, or would run code when loaded.
    """
    try:
        package = torch.load(path, map_location="cpu", weights_only=True)
        config = package["xp.cfg"]
        state = package["best_state"]
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} is not a checkpoint that audiocraft exported: {reason}") from None
    plain = OmegaConf.to_container(OmegaConf.create(config))
    assert isinstance(plain, dict), f"{path}: xp.cfg is no mapping"
    return dict(state), {str(k): v for k, v in plain.items()}


def to_float32(state: Mapping[str, Tensor]) -> State:
    """Floating-point tensors as contiguous float32, others unchanged."""
    return {k: (v.float() if v.is_floating_point() else v).contiguous() for k, v in state.items()}


def write(
    folder: Path,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    lineage: Mapping[str, Any],
    ema: Mapping[str, Tensor] | None = None,
    t5: Path | None = None,
) -> None:
    """Write a checkpoint folder; an existing one is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(to_float32(state), folder / "model.safetensors")
    if ema is not None:
        save_file(to_float32(ema), folder / "ema.safetensors")
    write_json(folder / "config.json", dict(config))
    write_json(folder / "lineage.json", dict(lineage))
    if t5 is not None and t5.is_dir():
        shutil.copytree(t5, folder / "t5")


def read_state(folder: Path) -> State:
    """The averaged weights where there are some, else the raw ones.

    Raises:
        UserError: the folder holds no weights, or they are damaged.
    """
    for name in ("ema.safetensors", "model.safetensors"):
        if (folder / name).exists():
            try:
                return load_file(folder / name)
            except SafetensorError as error:
                raise UserError(f"{folder / name} is damaged ({error}): run the stage that makes it again") from None
    raise UserError(f"{folder} holds no checkpoint: run `dvc repro` for the stage that makes it")


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """config.json or lineage.json of a checkpoint folder."""
    path = folder / name
    if not path.exists():
        raise UserError(f"{path} is missing: run `dvc repro` for the stage that makes {folder}")
    content: dict[str, Any] = json.loads(path.read_text())
    return content
