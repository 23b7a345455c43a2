"""Write an overlay from recipes/ into params.yaml; comments stay.

By hand: python src/recipe.py spark [--params params.yaml]
With no name: list the recipes.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lowend.errors import UserError, script

RECIPES = Path("recipes")


def overlay(params: MutableMapping[str, Any], changes: MutableMapping[str, Any], where: str = "") -> list[str]:
    """Set every leaf of `changes` in `params`, in place; returns `key: old -> new` of what changed.

    Raises:
        UserError: a key is not in `params`, or is a section on one side only.
    """
    changed = []
    for key, value in changes.items():
        name = f"{where}{key}"
        if key not in params:
            raise UserError(f"recipe: `{name}` is not in params.yaml")
        if isinstance(value, MutableMapping) != isinstance(params[key], MutableMapping):
            raise UserError(f"recipe: `{name}` is a section in params.yaml or in the recipe, but not in both")
        if isinstance(value, MutableMapping):
            changed += overlay(params[key], value, f"{name}.")
        elif params[key] != value:
            changed.append(f"{name}: {params[key]} -> {value}")
            params[key] = value
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", nargs="?", help="a file of recipes/ without .yaml")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    args = parser.parse_args()
    names = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    if args.name is None:
        for name in names:
            print(name, (RECIPES / f"{name}.yaml").read_text().splitlines()[0].lstrip("# "), sep="\t")
        return
    if args.name not in names:
        raise UserError(f"no recipe {args.name!r}; there are {', '.join(names)}")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    params = yaml.load(args.params)
    changed = overlay(params, YAML(typ="safe").load(RECIPES / f"{args.name}.yaml"))
    if changed:
        yaml.dump(params, args.params)
    for line in changed or ["nothing to change"]:
        logging.info("recipe %s: %s", args.name, line)


if __name__ == "__main__":
    script(main)
