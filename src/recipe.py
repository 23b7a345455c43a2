"""Write an overlay from recipes/ into params.yaml; comments stay.

By hand: python src/recipe.py spark [--params params.yaml]
With no name: list the recipes. To undo one: git checkout params.yaml
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.tokens import CommentToken

from lowend.errors import UserError, script

RECIPES = Path("recipes")
OPEN = ("sources", "curriculum", "generations", "evaluations", "forgetting")
"""Sections whose keys are names of the user's: a recipe may add entries to them."""


def overlay(params: MutableMapping[str, Any], changes: MutableMapping[str, Any], where: str = "") -> list[str]:
    """Set every leaf of `changes` in `params`, in place; returns `key: old -> new` of what changed.

    An entry that an `OPEN` section lacks is added at its end.

    Raises:
        UserError: a key is not in `params`, or is a section on one side only, or a new entry is not whole.
    """
    changed = []
    for key, value in changes.items():
        name = f"{where}{key}"
        if key not in params and where.rstrip(".") in OPEN:
            _add(params, key, value, name)
            changed.append(f"{name}: added")
            continue
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


def _add(section: MutableMapping[str, Any], key: str, entry: Any, name: str) -> None:
    """Append an entry, and keep the blank line and comments that follow the section behind it.

    Raises:
        UserError: the entry lacks what every other of the section has.
    """
    others = list(section.values())
    shared = [field for field in others[0] if all(field in other for other in others)] if others else []
    missing = [field for field in shared if not isinstance(entry, MutableMapping) or field not in entry]
    if missing:
        raise UserError(f"recipe: `{name}` is new in params.yaml, so it needs {', '.join(missing)} too")
    section[key] = CommentedMap(entry)
    if others and isinstance(others[-1], CommentedMap):
        _move_tail(others[-1], section[key])


def _move_tail(before: CommentedMap, after: CommentedMap) -> None:
    """What ruamel.yaml keeps at an entry's last key: a comment of that line, then all up to the next section."""
    last = next(reversed(before))
    token = before.ca.items.get(last, [None] * 4)[2]
    if token is None:
        return
    own, line_end, tail = token.value.partition("\n")
    token.value = own + line_end
    after.ca.items[next(reversed(after))] = [None, None, CommentToken("\n" + tail, token.start_mark), None]


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
    changed = overlay(params, YAML().load(RECIPES / f"{args.name}.yaml"))  # not "safe": 1.0e-05 and [a, b] stay so
    if changed:
        yaml.dump(params, args.params)
    for line in changed or ["nothing to change"]:
        logging.info("recipe %s: %s", args.name, line)


if __name__ == "__main__":
    script(main)
