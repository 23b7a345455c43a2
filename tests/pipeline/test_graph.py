"""dvc.yaml against the code: every module and section that a script uses is declared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import graph
import pytest

STAGES = graph.stages()


def _deps(stage: dict) -> set[str]:
    return {next(iter(dep)) if isinstance(dep, dict) else dep for dep in stage["deps"]}


def _is_declared(path: Path, deps: set[str]) -> bool:
    relative = path.relative_to(graph.ROOT)
    return any(str(p) in deps for p in (relative, *relative.parents))


@pytest.mark.parametrize("name", STAGES)
def test_every_imported_module_is_a_dep(name: str) -> None:
    script = graph.script_of(STAGES[name])
    missing = [p for p in (script, *graph.modules(script)) if not _is_declared(p, _deps(STAGES[name]))]
    assert not missing, f"stage {name}: add {', '.join(str(p.relative_to(graph.ROOT)) for p in sorted(missing))}"


@pytest.mark.parametrize("name", STAGES)
def test_no_dep_on_a_module_that_is_not_imported(name: str) -> None:
    script = graph.script_of(STAGES[name])
    used = {str(p.relative_to(graph.ROOT)) for p in (script, *graph.modules(script))}
    listed = {d for d in _deps(STAGES[name]) if d.endswith(".py")}
    if name == "download":  # its kinds of source are imported by name
        for kind in ("synth", "folder"):
            used |= {str(p.relative_to(graph.ROOT)) for p in graph.modules(graph.SRC / f"lowend/sources/{kind}.py")}
    assert listed <= used


def test_a_source_kind_declares_what_it_imports() -> None:
    deps = _deps(STAGES["download"])
    for kind in (graph.SRC / "lowend/sources").glob("*.py"):
        assert all(_is_declared(p, deps) for p in graph.modules(kind)), kind


@pytest.mark.parametrize("name", STAGES)
def test_sections_read_are_exactly_those_declared(name: str) -> None:
    declared = {p.split("${")[0] + ("*" if "${" in p else "") for p in STAGES[name].get("params", [])}
    interpolated = {"release"} if name == "export" else set()  # used in the command, not in the script
    assert graph.sections_read(graph.script_of(STAGES[name])) | interpolated == declared


def test_there_are_47_stages() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=graph.ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(listed.stdout.split()) == 47


@pytest.mark.parametrize("script", sorted(p.name for p in (graph.ROOT / "src").glob("*.py")))
def test_every_script_has_help(script: str) -> None:
    done = subprocess.run(
        [sys.executable, f"src/{script}", "--help"], cwd=graph.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "By hand: python src/" in done.stdout
