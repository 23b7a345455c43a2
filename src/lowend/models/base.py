"""Where a base model comes from: the starter kit, a folder, or a pinned repository of a model hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lowend import cache
from lowend.errors import UserError
from lowend.models import checkpoints, transformers_format
from lowend.tracks import write_json

LM_FILE = "state_dict.bin"
CODEC_FILE = "compression_state_dict.bin"
TRANSFORMERS_FILE = "config.json"
PUBLISHED = tuple(
    f"facebook/musicgen-{name}"
    for name in ("small", "medium", "large", "melody", "melody-large", "stereo-small", "stereo-medium", "stereo-large")
)


@dataclass(frozen=True, slots=True)
class BaseConfig:
    """Section `base` of params.yaml."""

    model: str
    revision: str


def locate(config: BaseConfig, kit: Path) -> tuple[Path, dict[str, Any]]:
    """The folder with the model in audiocraft's or transformers' format, and the first lines of the lineage.

    Raises:
        UserError: the model is neither known nor a folder, its revision is missing, or the hub
            cannot be reached.
    """
    if config.model == "starter":
        return kit, {"base": "starter", "revision": cache.files(kit), "licence": "CC0-1.0", "commercial": True}
    if Path(config.model).is_dir():
        folder = Path(config.model)
        return folder, {"base": folder.name, "revision": cache.files(folder), "licence": "", "commercial": False}
    check(config)
    lineage = {
        "base": config.model,
        "revision": config.revision,
        "licence": "CC-BY-NC-4.0",
        "commercial": False,
    }
    return _download(config.model, config.revision, [LM_FILE, CODEC_FILE]), lineage


def check(config: BaseConfig) -> None:
    """Whether the section says which model it means; nothing is fetched.

    Raises:
        UserError: the model is neither known nor a folder, or its revision is missing.
    """
    if config.model == "starter" or Path(config.model).is_dir():
        return
    check_name(config.model)
    if not config.revision:
        raise UserError(
            f"params.yaml: `base.revision` must hold the commit of {config.model} that you train from, "
            "so that the same params give the same model"
        )


def check_name(model: str) -> None:
    """Whether `base.model` is a model that there is.

    Raises:
        UserError: it is neither known nor a folder.
    """
    if model not in ("starter", *PUBLISHED) and not Path(model).is_dir():
        known = ", ".join(("starter", *PUBLISHED))
        raise UserError(f"params.yaml: `base.model` must be a folder or one of {known}; got {model!r}")


def source(folder: Path) -> Path:
    """The file of a model's folder that tells its format: audiocraft's, or transformers' where that is not there."""
    audiocrafts, transformers = folder / LM_FILE, folder / TRANSFORMERS_FILE
    return transformers if transformers.exists() and not audiocrafts.exists() else audiocrafts


def _download(repository: str, revision: str | None, names: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=names))
    except Exception as error:  # the hub's client raises a dozen unrelated kinds
        offline = " LOWEND_OFFLINE is set." if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        raise UserError(
            f"{repository} could not be fetched: {str(error).splitlines()[0]}{offline} Connect to the internet "
            "once, point base.model at a local folder, or set `base.model: starter` in params.yaml"
        ) from error


def unpack(folder: Path, lineage: Mapping[str, Any], out: Path, codec: Path) -> None:
    """Convert audiocraft's two files, or transformers' one folder, into checkpoint folders `out` and `codec`.

    The codec of a stereo model is a mono one: only the language model's config says that it is heard with twice.

    Raises:
        UserError: the folder is in neither format, or the stereo model alternates left and right in time,
            not in its codebooks.
    """
    start = {**lineage, "stages": [], "tracks": []}
    shutil.rmtree(codec, ignore_errors=True)
    told = source(folder)
    if told.name == LM_FILE:
        state, config = checkpoints.read_audiocraft(told)
        checkpoints.write(out, state, config, start, t5=folder / "t5")
        _unpack_codec(folder / CODEC_FILE, lineage, codec)
    else:
        state, config = transformers_format.read(folder)
        checkpoints.write(out, state, config, start)
        transformers_format.unpack_parts(folder, out / "t5", codec / "hf")
    if _is_stereo(config, told):
        write_json(codec / checkpoints.STEREO_FILE, {"per_timestep": False})


def _unpack_codec(path: Path, lineage: Mapping[str, Any], codec: Path) -> None:
    package = _codec_pointer(path)
    if package is None:
        checkpoints.write(codec, *checkpoints.read_audiocraft(path), lineage)
    else:
        shutil.copytree(_download(package, None, ["*.json", "*.safetensors", "*.bin"]), codec / "hf")
        write_json(codec / checkpoints.POINTER_FILE, {"pretrained": package})


def _is_stereo(config: Mapping[str, Any], path: Path) -> bool:
    interleave = config.get("interleave_stereo_codebooks") or {}
    if not interleave.get("use"):
        return False
    if interleave.get("per_timestep"):
        raise UserError(
            f"{path}: interleave_stereo_codebooks.per_timestep is true, and frames that are left and right by turns "
            "are not supported: set base.model to a musicgen-stereo model, whose codebooks are"
        )
    return True


def _codec_pointer(path: Path) -> str | None:
    """The hub repository that a published `compression_state_dict.bin` points to, if it is a pointer."""
    try:
        package = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        return None  # read_audiocraft says what is wrong with it
    return package.get("pretrained") if isinstance(package, dict) else None
