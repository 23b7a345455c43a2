"""Many listeners' files of the blind test: what they come to, and what is refused."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import ratings
from lowend.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
LOW, HIGH = dict.fromkeys(ratings.CRITERIA, 2), dict.fromkeys(ratings.CRITERIA, 4)


def answer(clip: int, preferred: str = "model") -> dict[str, Any]:
    best, worst = (LOW, HIGH) if preferred == "against" else (HIGH, LOW)
    return {
        "clip": clip,
        "first": "model" if clip % 2 else "against",
        "preferred": preferred,
        "model": best,
        "against": worst,
    }


def content(listener: str, preferred: str = "mmmmmmmm") -> dict[str, Any]:
    """A file in which pair n is judged as its letter says: m(odel), a(gainst), n(either)."""
    names = {"m": "model", "a": "against", "n": "neither"}
    answers = [answer(n, names[letter]) for n, letter in enumerate(preferred, start=1)]
    about = {"page": "joint", "clips": "ab12", "model": "joint", "against": "base", "listener": listener}
    return {"format": ratings.FORMAT, **about, "answers": answers}


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def merged(folder: Path, *contents: dict[str, Any]) -> dict[str, float]:
    files = [ratings.read(write(folder / f"{n}.json", value)) for n, value in enumerate(contents)]
    return ratings.merge(files, 200)["joint"]


def test_listeners_who_agree_give_a_preference_away_from_chance(tmp_path: Path) -> None:
    m = merged(tmp_path, content("ann", "mmmmmmmmam"), content("bob", "mmmmmmmman"))
    assert (m["listeners"], m["pairs"], m["answers"]) == (2, 10, 20)
    assert m["preference"] == pytest.approx((9 + 8.5) / 20) and m["preference_low"] > 0.5
    assert m["genre"] == pytest.approx(3.8) and m["against_genre"] == pytest.approx(2.2)
    assert m["genre_change"] == pytest.approx(1.6) and m["genre_change_low"] > 0
    assert m["preference_alpha"] > 0.5 and m["quality_alpha"] == 1


def test_listeners_who_disagree_are_within_chance_and_their_alpha_says_so(tmp_path: Path) -> None:
    m = merged(tmp_path, content("ann", "mmmmmaaaaa"), content("bob", "mamamamama"), content("cem", "aammaammaa"))
    assert m["preference_low"] < 0.5 < m["preference_high"]
    assert m["preference_alpha"] < 0.3


def test_one_listener_gives_a_preference_but_no_agreement(tmp_path: Path) -> None:
    m = merged(tmp_path, content("ann", "mmmmammmmm"))
    assert m["preference"] == 0.9 and m["preference_low"] < 0.9 < m["preference_high"]
    assert not any(name.endswith("_alpha") for name in m)
    assert "preference_alpha" not in merged(tmp_path, content("ann"), content("bob")), (
        "all the same: nothing to agree on"
    )


def test_who_prefers_what_comes_first_is_found_out(tmp_path: Path) -> None:
    assert merged(tmp_path, content("ann", "mamamama"))["first_preferred"] == 1
    assert merged(tmp_path, content("ann", "nnnnnnnn"))["first_preferred"] == 0.5


def test_the_order_of_files_changes_nothing(tmp_path: Path) -> None:
    both = content("ann", "mmamnmmm"), content("bob", "mammmmma")
    assert merged(tmp_path, *both) == merged(tmp_path, *reversed(both))


@pytest.mark.parametrize("letters", ["mmmmmmmm", "mmamanmm"])
def test_more_listeners_never_leave_the_range_of_answers(tmp_path: Path, letters: str) -> None:
    m = merged(tmp_path, *(content(name, letters) for name in ("ann", "bob", "cem", "dee")))
    for name in ("preference", *ratings.CRITERIA):
        assert m[f"{name}_low"] <= m[name] <= m[f"{name}_high"]


def test_alpha_is_that_of_the_textbook() -> None:
    """Four coders, twelve units and missing values: Krippendorff (2011) gives 0.815 for ordered values."""
    nan = np.nan
    data = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    assert ratings.alpha(np.array(data)) == pytest.approx(0.815, abs=5e-4)


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, 4, 5]), min_size=3, max_size=3), min_size=2, max_size=12))
def test_alpha_is_one_for_full_agreement_and_does_not_know_who_is_who(units: list[list[int]]) -> None:
    table = np.array(units, float).T
    alone = np.repeat(table[:1], 3, axis=0)
    assert ratings.alpha(alone) == (pytest.approx(1) if len(set(alone[0])) > 1 else None)
    found, swapped, scaled = ratings.alpha(table), ratings.alpha(table[::-1]), ratings.alpha(10 * table**3)
    assert (found is None) == (len(np.unique(table)) < 2)
    if found is not None:
        assert found <= 1 + 1e-9
        assert swapped == pytest.approx(found) and scaled == pytest.approx(found), "only the order of values counts"


def broken(change: str) -> object:
    """A file with one thing wrong."""
    value: dict[str, Any] = copy.deepcopy(content("ann"))
    first = value["answers"][0]
    match change:
        case "format":
            value["format"] = "other"
        case "listener":
            value["listener"] = " "
        case "answers":
            value["answers"] = {}
        case "none":
            value["answers"] = []
        case "twice":
            value["answers"].append(answer(1))
        case "clip":
            first["clip"] = "one"
        case "preferred":
            first["preferred"] = "A"
        case "score":
            first["against"] = {**LOW, "quality": 6}
        case "truth":
            first["model"] = {**LOW, "genre": True}
        case "missing":
            del first["model"]
    return value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("format", "holds no ratings of the format lowend-ratings-1"),
        ("listener", "lacks page, clips, model, against, listener or answers"),
        ("answers", "lacks page, clips, model, against, listener or answers"),
        ("none", "holds no answers"),
        ("twice", "judges prompt 1 more than once"),
        ("clip", "answer 1 names no prompt"),
        ("preferred", "answer 1: `preferred` must be one of model, neither, against"),
        ("score", "answer 1: `against.quality` must be a whole number from 1 to 5, got 6"),
        ("truth", "`model.genre` must be a whole number from 1 to 5, got True"),
        ("missing", "`model.genre` must be a whole number from 1 to 5, got None"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(UserError, match=f"ann.json.*{message}"):
        ratings.read(write(tmp_path / "ann.json", broken(change)))


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[1]", "holds no ratings"), ("", "is not JSON")])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ratings.read(write(tmp_path / "a.json", text))
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="b.json is not JSON"):
        ratings.read(tmp_path / "b.json")
    with pytest.raises(UserError, match="none.json cannot be read .No such file"):
        ratings.read(tmp_path / "none.json")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="(?i)1.json and .*0.json are both ann's of joint: leave one out"):
        merged(tmp_path, content("ann"), content("ANN"))
    with pytest.raises(UserError, match="judge different versions of joint"):
        merged(tmp_path, content("ann"), {**content("bob"), "clips": "cd34"})
    with pytest.raises(UserError, match="joint has 4 judged pairs, at least 5 are needed"):
        merged(tmp_path, content("ann", "mmmm"))


def test_pages_are_merged_each_for_itself(tmp_path: Path) -> None:
    files = [content("ann"), {**content("ann", "aaaaaaaa"), "page": "hiphop-full", "clips": "ff"}]
    found = ratings.merge([ratings.read(write(tmp_path / f"{n}.json", v)) for n, v in enumerate(files)], 200)
    assert {page: m["preference"] for page, m in found.items()} == {"joint": 1, "hiphop-full": 0}


def test_the_script_writes_metrics_and_says_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("evaluate: {bootstrap: 200}\n")
    write(tmp_path / "a.json", content("ann"))
    write(tmp_path / "b.json", content("bob", "mmmmmmaa"))

    def run(*names: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "src/ratings.py"), *names, "--out", "metrics/ratings.json"]
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)

    done = run("a.json", "b.json")
    assert done.returncode == 0, done.stderr
    assert "joint: preferred in 88% (" in done.stderr and "of 16 answers by 2 listeners" in done.stderr
    first = (tmp_path / "metrics/ratings.json").read_bytes()
    assert json.loads(first)["joint"]["preference"] == 0.875
    assert run("b.json", "a.json").returncode == 0 and (tmp_path / "metrics/ratings.json").read_bytes() == first
    failed = run("a.json", "a.json")
    assert failed.returncode == 1 and "are both ann's of joint" in failed.stderr and "Traceback" not in failed.stderr
