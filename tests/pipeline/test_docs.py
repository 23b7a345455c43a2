"""README and docs: every command runs, every table and every snippet is what the code understands."""

from __future__ import annotations

import re
from pathlib import Path

import graph
import pytest
import tiny
from ruamel.yaml import YAML

import recipe

pytestmark = pytest.mark.pipeline
PAGES = [graph.ROOT / "README.md", *sorted((graph.ROOT / "docs").glob("*.md"))]
TOO_LONG = ("make test", "make kit")  # this suite itself, and an hour of training
NO_SETUP = ("-o", ".venv/.installed")


def blocks(page: Path, language: str) -> list[str]:
    """The page's fenced blocks of a language, without the indentation of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(), re.S | re.M)
    return [re.sub(rf"^{indent}", "", text, flags=re.M) for indent, text in found]


def commands() -> list[str]:
    """Every shell command of README and docs once, without its comment, in the order of the pages."""
    lines = [line.split("#")[0].strip() for page in PAGES for text in blocks(page, "sh") for line in text.splitlines()]
    return list(dict.fromkeys(filter(None, lines)))


def test_every_fenced_block_is_of_a_kind_that_is_tested() -> None:
    for page in PAGES:
        kinds = set(re.findall(r"^ *```(\w+)$", page.read_text(), re.M))
        assert kinds <= {"sh", "yaml", "csv"}, page


def test_the_commands_of_the_pages_run(clone: Path) -> None:
    """In the order in which a reader meets them; an experiment goes as far as one evaluation here."""
    listed = commands()
    assert {"make repro", "make test", "dvc repro", "dvc metrics diff --md"} <= set(listed)
    for command in listed:
        words = command.split()
        if words[0] == "make":
            words[1:1] = ["-n", *NO_SETUP] if command in TOO_LONG else NO_SETUP
        if command.startswith("python benchmarks/"):
            words.append("--help")  # up to ten minutes of measuring
        if command.startswith("dvc exp run"):
            words.append("evaluate@hiphop-full")
        output = tiny.run(clone, "bash", "-ec", " ".join(words))
        if command == "dvc metrics diff --md":
            rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in output.splitlines() if line]
            assert rows[0] == ["Path", "Metric", "HEAD", "workspace", "Change"]
            changed = {(row[0], row[1]): float(row[4]) for row in rows[2:] if row[4] != "-"}
            assert changed["metrics/train/hiphop-drums/metrics.json", "ce"] != 0
            assert not any("dubstep" in path for path, _ in changed)


def test_the_commands_in_running_text_are_known() -> None:
    """`make x` and `python src/x.py` inside sentences name targets and scripts that exist."""
    targets = set(re.findall(r"^(\w+):", (graph.ROOT / "Makefile").read_text(), re.M))
    scripts = {path.name for path in (graph.ROOT / "src").glob("*.py")}
    for page in PAGES:
        text = page.read_text()
        assert set(re.findall(r"`make (\w+)", text)) <= targets, page
        assert set(re.findall(r"`python src/(\w+\.py)", text)) <= scripts, page
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_a_pages_own_folder_is_trained_on_under_its_metadata(clone: Path) -> None:
    """docs/own-tracks.md to the letter, the folder's place aside, up to the split and the tokens."""
    page = graph.ROOT / "docs/own-tracks.md"
    tracks = clone / "my tracks"
    for n, name in enumerate(("drops/one.mp3", "two.flac", "three.wav")):
        tiny.beat(tracks / name, n)
    (metadata,) = blocks(page, "csv")
    (tracks / "metadata.csv").write_text(metadata + "three.wav,Three,Cem,,,,CC0-1.0,\n")
    (settings,) = blocks(page, "yaml")
    tiny.add_sources(clone, settings.replace("/music/dubstep", "my tracks"))
    tiny.run(clone, "dvc", "repro", "-q", "split@dubstep", "encode@my-dubstep")
    captions = (clone / "data/captions/dubstep/my-dubstep.csv").read_text()
    assert "dubstep with a choir" in captions and "riddim dubstep at 140 BPM in F minor" in captions
    sides = "".join(path.read_text() for path in (clone / "data/splits/dubstep").glob("*.csv"))
    assert all(name in sides for name in ("drops/one.mp3", "two.flac", "three.wav"))


def test_settings_in_the_pages_are_settings_of_params_yaml() -> None:
    params = YAML(typ="safe").load(graph.ROOT / "params.yaml")
    (settings,) = blocks(graph.ROOT / "docs/dgx-spark.md", "yaml")
    assert recipe.overlay(params, YAML(typ="safe").load(settings))


def test_the_table_of_environment_variables_is_complete() -> None:
    used = {
        name
        for path in [*graph.SRC.rglob("*.py"), graph.ROOT / "Makefile"]
        for name in re.findall(r"LOWEND_[A-Z]+(?:_[A-Z]+)*", path.read_text())
    }
    text = (graph.ROOT / "docs/environment.md").read_text()
    assert set(re.findall(r"^\| `(LOWEND_\w+)`", text, re.M)) == used
