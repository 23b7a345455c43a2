"""Models that a parameter names: a folder, or a repository of the model hub at a commit, through transformers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lowend.errors import UserError


def place(name: str, param: str, same: str) -> tuple[str, str | None]:
    """The folder that `param` names, or the hub repository and its commit; `same` is what a commit keeps the same.

    Raises:
        UserError: it is no folder and has no commit.
    """
    if Path(name).is_dir():
        return name, None
    repository, _, revision = name.partition("@")
    if not revision:
        raise UserError(
            f"params.yaml: `{param}` must be a folder, or a hub repository with its commit (name@commit), "
            f"so that the same params give the same {same}; got {name!r}"
        )
    return repository, revision


def fetch(load: Callable[[], Any], name: str, param: str, off: str = "") -> Any:
    """What `load` reads of the model `name`; `off` is the setting that does without, where `param` cannot be empty.

    Raises:
        UserError: the hub is out of reach, or what is there is another kind of model.
    """
    off = off or f'{param}: ""'
    try:
        return load()
    except Exception as error:  # the hub's client and the many configs raise a dozen unrelated kinds
        hint = " (LOWEND_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"{param} {name}: its weights could not be loaded{hint}: {reason} "
            f"Connect to the internet once, name a local folder, or set `{off}` in params.yaml"
        ) from error


def whole(load: Callable[..., tuple[Any, Mapping[str, Any]]]) -> Any:
    """The model that transformers' `from_pretrained` makes, none of whose weights are made up.

    Raises:
        ValueError: some are; transformers says so in its log alone, and goes on.
    """
    model, report = load(output_loading_info=True, use_safetensors=True)
    weights = {name for name, _ in model.named_parameters()}
    if lacking := sorted(weights.intersection(report["missing_keys"])):
        raise ValueError(f"it lacks {len(lacking)} of the model's weights, such as {lacking[0]}.")
    return model
