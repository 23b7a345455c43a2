"""Weights of published models that a parameter names: a file, a folder, or a model hub's repository at a commit."""

from __future__ import annotations

import pickle
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lowend import cache
from lowend.errors import UserError
from lowend.models import hub


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as its authors publish it."""

    file: str  # its name
    url: str  # where it is


def identity(name: str) -> str:
    """What tells weights apart: a hash of the files that `name` names, or `name` itself (empty, name@commit)."""
    return cache.files(Path(name)) if name and Path(name).exists() else name


def find(name: str, param: str, published: Published, off: str) -> Path:
    """The file of a checkpoint: `name` itself, of its published name in the folder `name`, or in a hub's repository.

    `off` is the setting of params.yaml that does without.

    Raises:
        UserError: there is no such file; the message says where to download it.
    """
    path = Path(name)
    if name and path.is_file():
        return path
    if name and path.is_dir() and (path / published.file).is_file():
        return path / published.file
    if "@" in name and not path.exists():
        from huggingface_hub import hf_hub_download

        repository, revision = hub.place(name, param, "figures")
        fetch = partial(hf_hub_download, repository, published.file, revision=revision)
        return Path(hub.fetch(fetch, name, param, off))
    lacking = f"the folder {name} lacks {published.file}" if name and path.is_dir() else f"there is no file {name!r}"
    raise UserError(
        f"params.yaml: {param} must name {published.file}, and {lacking}: download it from {published.url} "
        f"and set `{param}: <its path>`, or set `{off}`"
    )


def read(path: Path) -> Mapping[str, Any]:
    """What torch saved in a file, read without running code from it.

    Raises:
        UserError: the file is damaged, holds other things than tensors and numbers, or is no mapping of names.
    """
    try:
        with _numbers():
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} is no checkpoint of torch's, or damaged ({reason}): download it again") from None
    if not isinstance(found, Mapping):
        raise UserError(f"{path} is no checkpoint: it holds a {type(found).__name__}, not tensors by their names")
    return found


@contextmanager
def _numbers() -> Iterator[None]:
    """Let a checkpoint hold numpy's arrays and numbers, which run no code; old trainers kept their samplers' in it."""
    names: list[Any] = [np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in "bBhHiIlLqQefd?")]
    for made in (np.zeros(1), np.float64(0)):
        make: Any = made.__reduce__()[0]
        names += [(make, f"{package}.multiarray.{make.__name__}") for package in ("numpy.core", "numpy._core")]
    with torch.serialization.safe_globals(names):
        yield


def fill(model: nn.Module, state: Any, path: Path, what: str) -> None:
    """Give `model` the tensors of a checkpoint, all of them and no others.

    Raises:
        UserError: they are not those of `what`.
    """
    try:
        if not isinstance(state, Mapping) or not all(isinstance(one, Tensor) for one in state.values()):
            raise RuntimeError("it holds no tensors by their names")
        floats = {key: one.float() if one.is_floating_point() else one for key, one in state.items()}
        model.load_state_dict(floats, assign=True)
    except RuntimeError as error:
        reason = textwrap.shorten(str(error).partition(":")[2] or str(error), 240)
        raise UserError(f"{path} does not hold the weights of {what}: {reason}") from None
