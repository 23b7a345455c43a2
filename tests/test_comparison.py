"""The comparison: who is beside whom, what the base's figures are, and which differences count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import table
from lowend import comparison, params
from lowend.comparison import Params
from lowend.errors import UserError
from lowend.page import render

ROOT = Path(__file__).resolve().parents[1]
CURRICULUM = {
    "drums": {"init": "base", "genre": "hiphop"}, "full": {"init": "drums", "genre": "hiphop"},
    "direct": {"init": "base", "genre": "hiphop"}, "wobble": {"init": "base", "genre": "dubstep"},
}  # fmt: skip
GENERATIONS = {
    key: {"model": model, "genre": genre}
    for key, model, genre in (
        ("clips-of-base", "base", "hiphop"), ("full", "full", "hiphop"), ("direct", "direct", "hiphop"),
        ("wobble", "wobble", "dubstep"), ("other-base", "base", "dubstep"),
    )
}  # fmt: skip
EVALUATIONS = {
    "full": {"model": "full", "genre": "hiphop", "against": "clips-of-base"},
    "direct": {"model": "direct", "genre": "hiphop", "against": "full"},
    "wobble": {"model": "wobble", "genre": "dubstep", "against": "other-base"},
}
PARAMS = Params(CURRICULUM, GENERATIONS, EVALUATIONS)


def judged(fad: float, against: float, change: tuple[float, float, float], **more: float) -> dict[str, float]:
    names = dict(zip(("", "_low", "_high"), change, strict=True))
    found = {f"fad_change{end}": value for end, value in names.items()}
    found |= {f"ce_change{end}": value for end, value in zip(names, (-0.2, -0.3, -0.1), strict=True)}
    for name, value in (("fad", fad), ("against_fad", against), ("ce", 4.8), ("tempo_right", 0.8)):
        found |= {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1}
    return found | {"ce_base": 5.0, "against_tempo_right": 0.25, "clips": 12.0} | more


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    files: dict[str, Any] = {f"train/{key}/metrics.json": {"last_step": 90} for key in CURRICULUM}
    files["train/direct/metrics.json"] = {"last_step": 180}
    files["evaluate/full.json"] = judged(7.0, 9.0, (-2.0, -3.0, -1.0))
    files["evaluate/direct.json"] = judged(8.0, 7.0, (1.0, -0.5, 2.5))
    files["evaluate/wobble.json"] = judged(6.0, 5.0, (1.0, 0.5, 1.5), mmd=0.01234, mmd_low=0.01, mmd_high=0.02)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


def texts(made: comparison.Table) -> dict[str, list[str]]:
    return {title: [cell.text for cell in cells] for title, cells in made.rows if title != comparison.CHANGE}


def test_models_of_a_genre_stand_beside_the_base_that_one_of_them_was_held_against(metrics: Path) -> None:
    hiphop, dubstep = comparison.tables(PARAMS, metrics)
    assert (hiphop.genre, hiphop.columns) == ("hiphop", ["base", "full", "direct"])
    found = texts(hiphop)
    assert found["optimizer steps"] == ["0", "180", "180"], "a model's steps are those of its whole chain"
    assert found["FAD"] == ["9.00 (8.90 … 9.10)", "7.00 (6.90 … 7.10)", "8.00 (7.90 … 8.10)"]
    assert found["held-out cross-entropy (nats)"][:2] == ["5.000", "4.800 (4.700 … 4.900)"]
    assert found["tempo right"] == ["25%", "80% (70% … 90%)", "80% (70% … 90%)"]
    assert "MMD" not in found and texts(dubstep)["MMD"] == ["", "0.0123 (0.0100 … 0.0200)"]


def test_a_change_says_from_what_and_counts_only_where_its_interval_leaves_out_0(metrics: Path) -> None:
    hiphop, dubstep = comparison.tables(PARAMS, metrics)
    changes = [[(c.text, c.tone) for c in cells] for title, cells in hiphop.rows if title == comparison.CHANGE]
    assert changes[0][2] == ("-0.200 (-0.300 … -0.100) from base", "good")
    assert changes[1] == [
        ("", ""),
        ("-2.00 (-3.00 … -1.00) from clips-of-base", "good"),
        ("+1.00 (-0.50 … +2.50) from full", "soft"),
    ]
    assert [c.tone for title, cells in dubstep.rows if title == comparison.CHANGE for c in cells].count("bad") == 1


def test_a_run_that_is_not_finished_says_what_to_do(metrics: Path) -> None:
    (metrics / "evaluate/direct.json").unlink()
    with pytest.raises(UserError, match=r"evaluate/direct\.json not found: run `make repro` first"):
        comparison.tables(PARAMS, metrics)


def test_the_page_has_a_table_for_each_genre_in_a_real_browser(metrics: Path, page: Any) -> None:
    html = render("comparison.html", {"tables": comparison.tables(PARAMS, metrics)})
    (metrics / "comparison.html").write_text(html)
    page.goto((metrics / "comparison.html").as_uri())
    assert page.title() == "comparison · lowend"
    assert page.locator("h2").all_inner_texts() == ["hiphop", "dubstep"]
    assert page.locator("table").first.locator("thead th").all_inner_texts() == ["metric", "base", "full", "direct"]
    assert page.locator("thead a").first.get_attribute("href") == "full/index.html"
    assert page.locator("td.good").first.inner_text() == "-0.200 (-0.300 … -0.100) from base"


def test_the_markdown_fills_the_marked_part_of_a_page_only(metrics: Path) -> None:
    made = comparison.markdown(comparison.tables(PARAMS, metrics))
    assert made.startswith("| hiphop | base | full | direct |\n|---|---|---|---|\n| optimizer steps | 0 | 180 | 180 |")
    assert {line.count("|") for line in made.split("\n\n")[0].splitlines()} == {5}
    short = comparison.markdown(comparison.tables(PARAMS, metrics), comparison.MEASURES).split("\n\n")[0].splitlines()
    assert [line.split(" | ")[0] for line in short[2:]] == [
        "| optimizer steps", "| held-out cross-entropy (nats)", "| tempo right",
    ]  # fmt: skip
    begin, end = table.COMPARED
    text = table.replace(f"# A\n{begin}\nold\n{end}\nB\n", made, *table.COMPARED)
    assert text == f"# A\n{begin}\n{made}\n{end}\nB\n"
    page = (Path(__file__).resolve().parents[1] / "docs/ablation.md").read_text()
    assert made in table.replace(page, made, *table.COMPARED), "docs/ablation.md has a place for the table"


def test_the_classifiers_own_accuracy_follows_the_clips(metrics: Path) -> None:
    path = metrics / "evaluate/full.json"
    found = json.loads(path.read_text()) | {"classified_genre_right": 0.5, "real_classified_genre_right": 0.9}
    path.write_text(json.dumps(found))
    titles = [title for title, _ in comparison.tables(PARAMS, metrics)[0].rows]
    assert titles[titles.index("genre right, by the classifier") + 1] == comparison.OWN
    assert texts(comparison.tables(PARAMS, metrics)[0])[comparison.OWN] == ["", "90%", ""]


def test_the_tables_of_a_run_are_those_of_the_figures_that_are_kept() -> None:
    """README.md shows the main figures of docs/results/starter-full, docs/ablation.md all of them."""
    kept = ROOT / "docs/results/starter-full"
    sections = params.load("curriculum", "generations", "evaluations", path=kept / "params.yaml")
    found = comparison.tables(comparison.Params(**sections), kept / "metrics")
    readme, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/ablation.md"))
    assert comparison.markdown(found, comparison.MEASURES) in readme
    assert comparison.markdown(found) in page
    assert "hiphop-direct" in readme and "dubstep-direct" in readme
