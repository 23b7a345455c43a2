"""Reads dvc.yaml, and follows a script's imports into the library."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


def stages() -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml with `foreach` unwrapped, as written."""
    raw = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return {name: stage.get("do", stage) for name, stage in raw.items()}


def script_of(stage: dict[str, Any]) -> Path:
    """The script that a stage's command runs."""
    return ROOT / stage["cmd"].split()[1]


def _module_file(name: str) -> Path | None:
    path = SRC / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _imported(path: Path) -> set[Path]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and re.fullmatch(r"lowend(\.\w+)+", str(node.value)):
            names = [str(node.value)]  # a registry's module, which is imported by its name
        for name in names:
            parts = name.split(".")
            for i in range(1, len(parts) + 1):
                file = _module_file(".".join(parts[:i])) if parts[0] == "lowend" else None
                if file:
                    found.add(file)
    return found


def modules(script: Path) -> set[Path]:
    """Every file of the library that a script imports, directly or not."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        new = _imported(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def sections_read(script: Path) -> set[str]:
    """Sections that a script asks params.load for; an f-string's variable part is written as *."""
    tree = ast.parse(script.read_text())
    assigned = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "params.load":
            for arg in node.args:
                value = assigned.get(arg.id, arg) if isinstance(arg, ast.Name) else arg
                if isinstance(value, ast.JoinedStr):
                    parts = [v.value if isinstance(v, ast.Constant) else "*" for v in value.values]
                    names.add("".join(map(str, parts)))
                elif isinstance(value, ast.Constant):
                    names.add(str(value.value))
    return names
