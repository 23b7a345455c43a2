"""Reads params.yaml; hands each script only the sections that its stage declares."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lowend.errors import UserError

Config = TypeVar("Config")
DEFAULT_PATH = Path("params.yaml")


def load(*names: str, path: Path = DEFAULT_PATH) -> dict[str, Any]:
    """The named sections of params.yaml; a name may be dotted (`curriculum.joint`).

    Only what is named is returned, so that a script which reads an undeclared section gets a
    KeyError instead of a value that DVC does not track. YAML 1.2 rules apply: `5e-06`, which is
    what `dvc exp run -S lr=5e-6` writes, is a float.

    Raises:
        UserError: the file is missing or broken, or a section is not in it.
    """
    try:
        everything = YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise UserError(f"{path} not found: run scripts from the top of the repository") from None
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return {name: _lookup(everything, name, path) for name in names}


def _lookup(tree: Any, name: str, path: Path) -> Any:
    for part in name.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            known = ", ".join(map(str, tree)) if isinstance(tree, Mapping) else "nothing"
            raise UserError(f"{path}: `{name}` is missing (there is {known}); add it")
        tree = tree[part]
    return tree


def build(config: type[Config], section: Mapping[str, Any], name: str) -> Config:
    """Make a frozen dataclass from a section, key by key.

    Raises:
        UserError: a key is missing, unknown, of the wrong type, or refused by `__post_init__`
            (which raises ValueError); the message names `section.key`.
    """
    hints = typing.get_type_hints(config)
    fields = [f.name for f in dataclasses.fields(config)]  # type: ignore[arg-type]
    if not isinstance(section, Mapping):
        raise UserError(f"params.yaml: `{name}` must hold {', '.join(fields)}, got {section!r}")
    for key in fields:
        if key not in section:
            raise UserError(f"params.yaml: `{name}.{key}` is missing; add it")
    for key in section:
        if key not in fields:
            raise UserError(f"params.yaml: `{name}.{key}` is unknown; known are {', '.join(fields)}")
    values = {key: _typed(section[key], hints[key], f"{name}.{key}") for key in fields}
    try:
        return config(**values)
    except ValueError as error:
        raise UserError(f"params.yaml: {error}") from None


def _typed(value: Any, kind: Any, key: str) -> Any:
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and isinstance(value, list | tuple):
        if inner[-1] is not ... and len(value) != len(inner):
            raise UserError(f"params.yaml: `{key}` must hold {len(inner)} values, got {value!r}")
        return tuple(_typed(v, inner[0], key) for v in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = typing.get_origin(kind) or kind
    if isinstance(plain, type) and not isinstance(kind, types.UnionType):
        wrong = not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool)
        if wrong:
            raise UserError(f"params.yaml: `{key}` must be {plain.__name__}, got {value!r}")
    if plain is dict and inner:
        return {name: _typed(v, inner[1], f"{key}.{name}") for name, v in value.items()}
    if plain is list and inner:
        return [_typed(v, inner[0], key) for v in value]
    return value
