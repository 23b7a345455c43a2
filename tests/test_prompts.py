"""The prompt sets: as their versions say, and what a change of one is told."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lowend import captions, clips, prompts
from lowend.errors import UserError
from lowend.prompts import PromptSet

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "prompts"
TEMPLATE = captions.load_template(ROOT / captions.TEMPLATE)
SETS = prompts.read_sets(FOLDER / prompts.SETS)
HEAD = "prompt,sub_genre,bpm,key,structure\n"
GOOD = '"drop, riddim dubstep at 140 BPM in F minor, high energy",riddim,140,F minor,drop\n'


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_every_set_is_as_its_version_says(one: PromptSet) -> None:
    assert prompts.faults(one, FOLDER, TEMPLATE) == []
    assert len(clips.read_prompts(FOLDER / f"{one.name}.csv", 50)) == 50


def test_every_file_of_prompts_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.csv")} == {one.name for one in SETS}


def test_the_neutral_set_has_nothing_of_the_genres_that_are_trained() -> None:
    with (FOLDER / "neutral.csv").open() as file:
        text = [row["prompt"] for row in csv.DictReader(file)]
    genres = YAML(typ="safe").load(ROOT / "params.yaml")["genres"]
    assert not [prompt for prompt in text for genre in genres if TEMPLATE.genres[genre] in prompt]


@pytest.mark.parametrize("genre", ["hiphop", "dubstep"])
def test_the_structure_of_the_second_version_is_in_its_words(genre: str) -> None:
    with (FOLDER / f"{genre}-v2.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["prompt"].startswith(f"{row['structure']}, ") == bool(row["structure"])
    groups = Counter((row["sub_genre"], row["structure"]) for row in rows)
    sides = len({row["sub_genre"] for row in rows}) * len({row["structure"] for row in rows})
    assert len(groups) == sides and max(groups.values()) - min(groups.values()) <= 1, "crossed, not only even"


def found(folder: Path, text: str, *stratified: str) -> str:
    (folder / "dubstep-v9.csv").write_text(text)
    return "\n".join(prompts.faults(PromptSet("dubstep-v9", 9, "0" * 64, stratified), folder, TEMPLATE))


def test_a_change_without_a_new_version_is_refused(tmp_path: Path) -> None:
    said = found(tmp_path, HEAD + GOOD)
    assert "dubstep-v9.csv is not what version 9 was: undo the change, or raise `dubstep-v9.version`" in said
    digest = said.rpartition("sha256: ")[2]
    assert prompts.faults(PromptSet("dubstep-v9", 10, digest, ()), tmp_path, TEMPLATE) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt,bpm\nx,1\n", "lacks the columns sub_genre, key"),
        (HEAD, "lacks the columns prompt, sub_genre, bpm, key"),
        (HEAD + GOOD * 2, "more than once"),
        (HEAD + GOOD.replace(",140,", ",141,"), "line 2: the prompt must begin with 'drop, riddim dubstep at 141 BPM"),
        (HEAD + GOOD.replace(",drop", ",build-up"), "must begin with 'build-up, riddim"),
        (HEAD + GOOD.replace("riddim,140", "brostep,140"), "must begin with 'drop, brostep dubstep"),
        (HEAD + GOOD.replace("F minor,drop", "f moll,drop"), "line 2: key must be like `F# minor`, got 'f moll'"),
    ],
)
def test_a_row_that_does_not_say_what_it_holds_is_named(tmp_path: Path, text: str, message: str) -> None:
    assert message in found(tmp_path, text)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("sub_genre", "sub_genre is not spread evenly: brostep 2, riddim 5"),
        ("structure", "structure is not spread evenly: drop 7"),
        ("bpm", "the tempi of riddim are fewer than 3 or not spread evenly: 140 5"),
        ("key", "the 12 tonics are not spread evenly: F 7"),
    ],
)
def test_an_uneven_set_is_told_its_counts(tmp_path: Path, column: str, message: str) -> None:
    text = HEAD + GOOD * 5 + GOOD.replace("riddim", "brostep") * 2
    assert message in found(tmp_path, text, column) and message not in found(tmp_path, text)


def test_a_word_instead_of_a_tempo_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2: bpm must be a number, got 'fast'"):
        found(tmp_path, HEAD + GOOD.replace(",140,", ",fast,"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [("{version: 1}", "`x` must hold version, sha256 and stratified"),
     ("{version: 1, sha256: a, stratified: [mood]}", "`x.stratified` may name .*, got mood")],
)  # fmt: skip
def test_a_broken_list_of_sets_is_one_sentence(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "sets.yaml").write_text(f"x: {entry}\n")
    with pytest.raises(UserError, match=message):
        prompts.read_sets(tmp_path / "sets.yaml")


def test_the_script_names_what_is_wrong(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "prompts")

    def run() -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, str(ROOT / "src/prompts.py")]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)

    done = run()
    assert done.returncode == 0 and f"{len(SETS)} prompt sets are as their versions say" in done.stderr
    with (tmp_path / "prompts/neutral.csv").open("a") as file:
        file.write("polka,polka,120,C major,\n")
    failed = run()
    assert failed.returncode == 1 and "prompts/neutral.csv, line 102: the prompt must begin with" in failed.stderr
