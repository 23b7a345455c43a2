"""Recipes: each applies to params.yaml as it is, changes values only, and keeps the comments."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import recipe
from lowend.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


def leaves(tree: dict, where: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        found |= leaves(value, f"{where}{key}.") if isinstance(value, dict) else {f"{where}{key}": value}
    return found


def load(path: Path) -> dict[str, object]:
    return leaves(YAML(typ="safe").load(path))


def comments(path: Path) -> list[str]:
    return [" ".join(c.split()) for c in re.findall(r"#.*", path.read_text())]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.setattr(recipe, "RECIPES", ROOT / "recipes")

    def _run(*args: str) -> Path:
        monkeypatch.setattr("sys.argv", ["recipe.py", *args, "--params", str(tmp_path / "params.yaml")])
        recipe.main()
        return tmp_path / "params.yaml"

    return _run


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_sets_its_leaves_and_nothing_else(run, name: str) -> None:  # type: ignore[no-untyped-def]
    wanted = load(ROOT / f"recipes/{name}.yaml")
    path = run(name)
    assert load(path) == load(ROOT / "params.yaml") | wanted
    assert comments(path) == comments(ROOT / "params.yaml")
    once = path.read_bytes()
    assert run(name).read_bytes() == once, "a second time changes nothing"


def test_only_what_changes_is_told() -> None:
    params = {"train": {"steps": 90, "lr": 1.0}, "seed": 0}
    assert recipe.overlay(params, {"train": {"steps": 4}, "seed": 0}) == ["train.steps: 90 -> 4"]
    assert params == {"train": {"steps": 4, "lr": 1.0}, "seed": 0}


def test_without_a_name_recipes_are_listed_with_what_they_are_for(run, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    path = run()
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in lines] == RECIPES and all(len(text) > 20 and text[0] != "#" for _, text in lines)
    assert path.read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_an_unknown_recipe_names_the_known_ones(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=rf"no recipe 'huge'; there are {', '.join(RECIPES)}"):
        run("huge")


@pytest.mark.parametrize(("text", "name"), [("train: 90\n", "train"), ("lr: {peak: 1.0}\n", "lr")])
def test_a_section_stays_a_section(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    monkeypatch.setattr(recipe, "RECIPES", tmp_path)
    with pytest.raises(UserError, match=f"`{name}` is a section in params.yaml or in the recipe, but not in both"):
        run("mine")


def test_a_half_wrong_recipe_writes_nothing(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "mine.yaml").write_text("train: {steps: 1, step: 2}\n")
    monkeypatch.setattr(recipe, "RECIPES", tmp_path)
    with pytest.raises(UserError, match=r"`train\.step` is not in params\.yaml"):
        run("mine")
    assert (tmp_path / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
