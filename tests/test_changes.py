"""The diff for a pull request: what changed, and what of it is more than noise."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lowend import changes
from lowend.changes import Figure, Reports, Song

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = ROOT / ".github/workflows/review.yml"


def spread(name: str, value: float, half: float = 0.1) -> dict[str, float]:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def verdicts(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    rows = changes.compare({"evaluate/x.json": before}, {"evaluate/x.json": after})
    return {row.name.removeprefix("evaluate/x.json: "): row.verdict for row in rows}


@pytest.mark.parametrize(
    ("name", "rise"),
    [
        ("ce", "worse"), ("ce_change", "worse"), ("ce_k0", "worse"), ("fad", "worse"), ("against_fad", "worse"),
        ("mmd_change", "worse"), ("kld", "worse"), ("tempo_error", "worse"), ("train_overlap", "worse"),
        ("tempo_right", "better"), ("genre_probability", "better"), ("clap", "better"), ("joint.preference", "better"),
        ("leak", "worse"), ("leak_change", "worse"), ("drift_mmd", "worse"), ("ce_other_change", "worse"),
        ("instruments_false", "worse"), ("instruments_right", "better"),
        ("low_share", "higher"), ("musicnn_hip_hop", "higher"), ("train_distance", "higher"),
    ],
)  # fmt: skip
def test_a_change_is_judged_by_the_intervals_and_the_better_end(name: str, rise: str) -> None:
    fall = {"worse": "better", "better": "worse", "higher": "lower"}[rise]
    low, high = (Figure(v, v - 0.1, v + 0.1) for v in (1.0, 1.5))
    assert changes.verdict(f"evaluate/x.json: {name}", low, high) == rise
    assert changes.verdict(f"evaluate/x.json: {name}", high, low) == fall
    assert changes.verdict(f"evaluate/x.json: {name}", low, Figure(1.15, 1.05, 1.25)) == "within noise"
    assert changes.verdict(f"evaluate/x.json: {name}", low, Figure(9.0)) == "", "no interval, no verdict"


@given(st.floats(-5, 5), st.floats(0, 2), st.floats(-5, 5), st.floats(0, 2))
def test_a_verdict_turns_over_with_the_sides(a: float, half_a: float, b: float, half_b: float) -> None:
    first, second = Figure(a, a - half_a, a + half_a), Figure(b, b - half_b, b + half_b)
    there, back = (changes.verdict("x: fad", *pair) for pair in ((first, second), (second, first)))
    assert {there, back} in ({"within noise"}, {"better", "worse"})
    assert changes.verdict("x: fad", first, first) == "within noise"


def test_what_is_worse_comes_first_and_noise_is_folded_away() -> None:
    before = {**spread("fad", 10), **spread("ce", 5), **spread("mmd", 1), "clips": 12, "seed": 1, "old": 1}
    after = {**spread("fad", 9), **spread("ce", 6), **spread("mmd", 1.05), "clips": 13, "seed": 1, "new": [1]}
    assert verdicts(before, after) == {
        "ce": "worse", "fad": "better", "clips": "", "new": "new", "old": "gone", "mmd": "within noise",
    }  # fmt: skip
    text = changes.metrics_text({"evaluate/x.json": before}, {"evaluate/x.json": after})
    shown, folded = text.split("<details>")
    assert text.startswith("1 worse, 1 better, 1 within noise")
    assert "| `evaluate/x.json: ce` | 5 (4.9 … 5.1) | 6 (5.9 … 6.1) | worse |" in shown
    assert "mmd" not in shown and "4 more that differ" in folded
    assert "| `evaluate/x.json: old` | 1 | – | gone |" in folded and "seed" not in text
    assert changes.metrics_text({"x.json": before}, {"x.json": before}) == "No metric changed."


def test_a_long_table_is_cut_and_says_so() -> None:
    text = changes.params_text({}, {f"p{n:03d}": n for n in range(130)})
    assert text.count("\n| `p") == 100 and "30 more: `dvc metrics diff`, `dvc params diff`." in text


def test_params_are_compared_by_dotted_name() -> None:
    before = {"lr": 5e-6, "train": {"betas": [0.9, 0.95], "steps": 90}, "note": "a|b"}
    after = {"lr": 1e-3, "train": {"betas": [0.9, 0.99], "steps": 90, "keep": 2}}
    text = changes.params_text(before, after)
    assert "| `lr` | 5e-06 | 0.001 |" in text and "| `train.betas` | [0.9, 0.95] | [0.9, 0.99] |" in text
    assert "| `train.keep` | – | 2 |" in text and "| `note` | a\\|b | – |" in text and "steps" not in text
    assert changes.params_text(after, after) == "No parameter changed."


def test_data_says_what_came_and_went_under_which_licence() -> None:
    before = {"hiphop/a": Song("hiphop", "train", 1.0, "CC0-1.0"), "hiphop/b": Song("hiphop", "test", 0.5, "CC-BY-4.0")}
    after = {
        "hiphop/b": Song("hiphop", "train", 0.5, "CC-BY-4.0"),
        "dubstep/c": Song("dubstep", "train", 2.0, "CC-BY-4.0"),
    }
    text = changes.data_text(before, after)
    assert "| hiphop | train | 1 → 1 | 1.00 → 0.50 |" in text and "| hiphop | test | 1 → 0 | 0.50 → 0.00 |" in text
    assert "| dubstep | train | 0 → 1 | 0.00 → 2.00 |" in text
    assert "1 tracks in, 1 out, 1 in another split than before." in text
    assert "| CC-BY-4.0 | 1 tracks, 2.00 h | – |" in text and "| CC0-1.0 | – | 1 tracks, 1.00 h |" in text
    assert changes.data_text(before, before) == "No track of a split changed."


def test_reports_are_linked_where_there_are_any() -> None:
    text = changes.reports_text(Reports("old/", {"a"}), Reports("https://example.org/run#artifacts", {"a", "b"}))
    assert text.splitlines() == [
        "- a: [before](old/a/index.html), [after](https://example.org/run#artifacts)",
        "- b: none before, [after](https://example.org/run#artifacts)",
    ]
    assert "`dvc repro`" in changes.reports_text(Reports("", set()), Reports("", set()))


def run(where: Path, *command: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    names = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "t@t")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, **names, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert not ok or done.returncode == 0, done.stderr
    return done


def fill(where: Path, lr: float, fad: float, tracks: int) -> None:
    """A repository in one state: params, metrics, a split and a report."""
    (where / "params.yaml").write_text(f"lr: {lr}\ngenres: {{hiphop: {{}}}}\nevaluations: {{joint: {{}}, new: {{}}}}\n")
    (where / "metrics/evaluate").mkdir(parents=True, exist_ok=True)
    (where / "metrics/evaluate/joint.json").write_text(json.dumps(spread("fad", fad)))
    split = where / "data/splits/hiphop"
    split.mkdir(parents=True, exist_ok=True)
    for side in changes.SIDES:
        rows = [f"{side}{n},3600,CC0-1.0" for n in range(tracks)]
        (split / f"{side}.csv").write_text("\n".join(["id,duration,licence", *rows, ""]))
    (where / "reports/joint").mkdir(parents=True, exist_ok=True)
    (where / "reports/joint/index.html").write_text(f"a page of lr {lr}")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One committed state, whose split and report are DVC's, and another one in the working tree."""
    where = tmp_path_factory.mktemp("repository")
    run(where, "git", "init", "-q", "-b", "main")
    run(where, "dvc", "init", "-q")
    fill(where, 1e-3, 10.0, 1)
    run(where, "dvc", "add", "-q", "data/splits/hiphop", "reports/joint")
    run(where, "git", "add", "-A")
    run(where, "git", "commit", "-qm", "first")
    for name in ("data/splits/hiphop", "reports/joint"):
        shutil.rmtree(where / name)
    fill(where, 5e-4, 8.0, 2)
    return where


def test_the_working_tree_is_held_against_a_branch(repository: Path) -> None:
    done = run(repository, sys.executable, str(ROOT / "src/changes.py"), "main")
    commit = run(repository, "git", "rev-parse", "HEAD").stdout[:12]
    assert done.stdout.startswith(f"## Against main ({commit})\n\n### Parameters\n")
    assert "| `lr` | 0.001 | 0.0005 |" in done.stdout
    assert "| `evaluate/joint.json: fad` | 10 (9.9 … 10.1) | 8 (7.9 … 8.1) | better |" in done.stdout
    assert (
        "| hiphop | train | 1 → 2 | 1.00 → 2.00 |" in done.stdout
        and "| CC0-1.0 | 3 tracks, 3.00 h | – |" in done.stdout
    )
    before, after = re.findall(r"\((\S+index.html)\)", done.stdout)
    assert (repository / before).read_text() == "a page of lr 0.001", "out of DVC's cache"
    assert (repository / after).read_text() == "a page of lr 0.0005"


def test_what_cannot_be_had_is_said(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository, tmp_path / "bare", ignore=shutil.ignore_patterns("cache", "reports", "scratch"))
    done = run(tmp_path / "bare", sys.executable, str(ROOT / "src/changes.py"), "HEAD")
    assert "The tracks of HEAD are not here: neither DVC's cache nor a remote holds `data/splits`." in done.stdout
    assert "| better |" in done.stdout and "There are no reports here" in done.stdout
    failed = run(repository, sys.executable, str(ROOT / "src/changes.py"), "--", "-x", ok=False)
    assert failed.returncode == 1 and "git knows no revision '-x'" in failed.stderr
    (tmp_path / "bare/metrics/evaluate/joint.json").write_text("{")
    failed = run(tmp_path / "bare", sys.executable, str(ROOT / "src/changes.py"), "HEAD", ok=False)
    assert failed.returncode == 1 and "metrics/evaluate/joint.json is not JSON" in failed.stderr


def test_make_review_runs_the_script_and_wants_a_revision(tmp_path: Path) -> None:
    make = ("make", "--no-print-directory", "-n", "-o", ".venv/.installed", "-f", str(ROOT / "Makefile"), "review")
    assert run(ROOT, *make, "REV=main").stdout.endswith("/python src/changes.py main\n")
    failed = run(ROOT, *(word for word in make if word != "-n"), ok=False)
    assert failed.returncode != 0 and "make review REV=main" in failed.stderr


def test_the_workflow_runs_commands_that_exist_and_may_only_comment() -> None:
    workflow = YAML(typ="safe").load(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request" in workflow["on"] and "pull_request_target" not in workflow["on"]
    (job,) = workflow["jobs"].values()
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert not re.search(r"\$\{\{[^}]*(title|body|head_ref|ref_name)", commands), "nothing that others write is run"
    (line,) = [line for line in commands.replace("\\\n", " ").splitlines() if "src/changes.py" in line]
    words = shlex.split(line)
    script = words[words.index("src/changes.py") + 1 : words.index(">")]
    assert [word for word in script if word.startswith("--")] == ["--before", "--after"]
    assert "--before" in run(ROOT, sys.executable, "src/changes.py", "--help").stdout


def test_the_workflow_installs_all_that_the_script_imports(tmp_path: Path) -> None:
    """Without numpy, torch and the rest of the lock, none of which the workflow installs."""
    (job,) = YAML(typ="safe").load(WORKFLOW)["jobs"].values()
    (install,) = [line for step in job["steps"] for line in step.get("run", "").splitlines() if "pip install" in line]
    named = set(shlex.split(install)[shlex.split(install).index("requirements.txt") + 1 :])
    found = run(
        ROOT, sys.executable, "-c",
        "import sys; sys.path.insert(0, 'src'); import changes; from lowend.workers import set_threads; set_threads();"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))",
    ).stdout.split()  # fmt: skip
    heavy = {"numpy", "pandas", "torch", "av", "scipy", "matplotlib", "jinja2", "soundfile", "joblib"}
    assert not heavy & set(found)
    assert named == {"dvc", "ruamel.yaml", "threadpoolctl", "tqdm"}
