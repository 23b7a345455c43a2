"""The report in a real browser: from disk, without a network, with clips that play."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

import table
from lowend import clips, report
from lowend.tracks import write_csv, write_json

RATE = 32000
NAMES = ("joint", "dubstep", "base-dubstep")


def metrics() -> dict[str, float]:
    found = {"ce_base": 4.6, "real_windows": 200.0, "clips": 2.0}
    for name, value in (
        ("ce", 4.3),
        ("ce_change", -0.3),
        ("fad", 20.0),
        ("fad_change", 1.0),
        ("genre_probability", 0.9),
    ):
        found |= {name: value, f"{name}_low": value - 0.2, f"{name}_high": value + 0.2}
    for name in ("tempo_right", "key_right", "key_within_a_fifth", "low_share"):
        found |= {name: 0.5, f"{name}_low": 0.3, f"{name}_high": 0.7}
    found |= {"silent_clips": 0.0, "real_low_share": 0.5, "real_genre_probability": 0.84}
    found |= {f"against_{k}": v for k, v in found.items() if not k.startswith(("ce", "real", "fad_change"))}
    found |= {"against_genre_probability": 0.2, "against_genre_probability_high": 0.3, "against_fad": 19.0}
    return found


class Found:
    bpm, key, low_share, is_silent = 140.0, "F minor", 0.4, False


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    prompts = [clips.Prompt("dubstep at 140 BPM & <b>loud</b>", "dubstep", 140.0, "F minor")] * 2
    for n, name in enumerate(("mine", "theirs")):
        tone = np.sin(2 * np.pi * (60 + 500 * n) * np.arange(2 * RATE) / RATE).astype(np.float32)[None] * 0.5
        clips.write(tmp_path / name, prompts, [1, 2], [tone, tone], RATE)
    write_json(tmp_path / "metrics.json", metrics())
    columns = ("bpm", "key", "low_share", "is_silent")
    write_csv(tmp_path / "clips.csv", [Found, Found], columns)
    curves = tmp_path / "curves" / "plots" / "metrics"
    curves.mkdir(parents=True)
    for name in ("train_ce", "valid_ce", "train_ce_k0"):
        (curves / f"{name}.tsv").write_text(f"step\t{name}\n1\t5.0\n2\t4.0\n")
    args = (
        tmp_path / "mine",
        tmp_path / "theirs",
        tmp_path / "metrics.json",
        tmp_path / "clips.csv",
        tmp_path / "curves",
    )
    html = report.page("joint-dubstep", NAMES, *args)
    assert html == report.page("joint-dubstep", NAMES, *args), "the same inputs must give the same bytes"
    (tmp_path / "index.html").write_text(html)
    return tmp_path / "index.html"


def test_verdicts_follow_the_intervals() -> None:
    table = {row.name: row for row in report.rows(metrics())}
    assert table["held-out cross-entropy (base | model)"].verdict == "better"
    assert table["FAD"].verdict == "worse"
    assert table["probability of the genre"].verdict == "better"
    assert table["tempo right"].verdict == "within noise"
    assert table["probability of the genre"].real == "84%"


def test_figures_that_only_some_embedders_give_are_shown_where_there_are_any() -> None:
    names = {row.name for row in report.rows(metrics())}
    found = metrics() | {"mmd": 0.0123, "against_mmd": 0.0234, "mmd_change": -0.0111}
    found |= {"mmd_change_low": -0.02, "mmd_change_high": -0.002}
    found |= {f"{side}musicnn_hip_hop{end}": 0.2 for side in ("", "against_") for end in ("", "_low", "_high")}
    more = {row.name: row for row in report.rows(found)}
    assert more.keys() - names == {"MMD", "musicnn's tag hip-hop"}
    mmd, tag = more["MMD"], more["musicnn's tag hip-hop"]
    assert (mmd.before, mmd.after, mmd.verdict) == ("0.0234", "0.0123", "better")
    assert mmd.interval == "-0.0111 (-0.0200 … -0.0020)"
    assert (tag.after, tag.verdict) == ("20%", "")


def test_a_page_plays_the_first_prompts_and_says_so(
    page_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page_file.read_text().count("<audio") == 4 and "The first" not in page_file.read_text()
    monkeypatch.setattr(report, "PLAYED", 1)
    names = ("mine", "theirs", "metrics.json", "clips.csv", "curves")
    html = report.page("joint-dubstep", NAMES, *(tmp_path / name for name in names))
    assert html.count("<audio") == 2 and "The first 1 of 2; the figures are of all." in html
    assert "2 prompts, the same seeds for both" in html


def test_the_page_opens_and_its_clips_play(page_file: Path, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert page.title() == "joint-dubstep · lowend"
    assert page.locator("section.clip p").first.inner_text().endswith("dubstep at 140 BPM & <b>loud</b>")
    page.wait_for_function("[...document.querySelectorAll('audio')].every(a => a.readyState >= 1)")
    assert page.evaluate("[...document.querySelectorAll('audio')].map(a => Math.round(a.duration))") == [2] * 4
    assert page.evaluate("[...document.images].every(i => i.naturalWidth > 100)")
    played = page.evaluate(
        """async () => { const a = document.querySelector('audio'); a.muted = true; await a.play();
           await new Promise(r => setTimeout(r, 400)); return a.currentTime; }"""
    )
    assert played > 0.1
    assert page.locator("svg path").count() > 5
    assert all(url.startswith(("file:", "data:")) for url in asked), "the page must need nothing else"


def test_the_readme_table_is_the_committed_metrics() -> None:
    """README.md shows what `make table` makes from metrics/ as both are committed."""
    root = Path(__file__).resolve().parents[1]

    def committed(name: str) -> str:
        done = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name} is not committed"
        return done.stdout

    curriculum = YAML(typ="safe").load(committed("params.yaml"))
    trained = {k: json.loads(committed(f"metrics/train/{k}/metrics.json")) for k in curriculum["curriculum"]}
    judged = {k: json.loads(committed(f"metrics/evaluate/{k}.json")) for k in curriculum["evaluations"]}
    made = f"{table.stages(curriculum['curriculum'], trained)}\n\n{table.evaluations(judged)}"
    readme = committed("README.md")
    assert table.replace(readme, made) == readme, "run `make table` and commit README.md with metrics/"
