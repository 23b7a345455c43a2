"""The report in a real browser: from disk, without a network, with clips that play."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from ruamel.yaml import YAML

import table
from lowend import clips, listening, ratings, report
from lowend.errors import UserError
from lowend.metrics import intake
from lowend.metrics.intake import Item
from lowend.seeds import rng
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


ENDS = {"": 0.0, "_low": -0.1, "_high": 0.1}
COLUMNS = (
    "side", "bpm", "key", "tempo_error", "tempo_right", "key_distance", "key_right", "low_share", "is_silent", "fad",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What evaluate says of a clip."""

    bpm: float = 140.0
    key: str = "F minor"
    tempo_error: float = 0.0
    tempo_right: bool = True
    key_distance: int = 0
    key_right: bool = True
    low_share: float = 0.4
    is_silent: bool = False
    fad: float = 3.0
    side: str = "model"


FOUND = (Found(), Found(bpm=100.0, tempo_error=0.29, tempo_right=False, fad=2.0), Found(is_silent=True, fad=1.0))
BESIDE = tuple(Found(120.0 + n, tempo_error=0.14, tempo_right=False, fad=3.5 - 2 * n, side="against") for n in range(3))


def tone(hertz: float, peak: float, seconds: float = 2.0) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)[None]


def inputs(folder: Path) -> tuple[Path, ...]:
    """Three prompts; the base's clips are 12 dB louder than the model's, whose third one is silent."""
    text = "dubstep at 140 BPM & <b>loud</b>"
    prompts = [clips.Prompt(text, "dubstep", 140.0, "F minor"), clips.Prompt("riddim", "riddim", 140.0, "F minor")]
    prompts.append(clips.Prompt("a quiet one", "riddim", 140.0, "F minor"))
    clips.write(folder / "mine", prompts, [1, 2, 3], [tone(560, 0.2), tone(60, 0.2), tone(60, 0.0)], RATE)
    clips.write(folder / "theirs", prompts, [1, 2, 3], [tone(560, -0.8), tone(60, -0.8), tone(60, -0.8)], RATE)
    write_json(folder / "metrics.json", metrics())
    write_csv(folder / "clips.csv", [*FOUND, *BESIDE], COLUMNS)
    curves = folder / "curves" / "plots" / "metrics"
    curves.mkdir(parents=True)
    for name in ("train_ce", "valid_ce", "train_ce_k0"):
        (curves / f"{name}.tsv").write_text(f"step\t{name}\n1\t5.0\n2\t4.0\n")
    return tuple(folder / name for name in ("mine", "theirs", "metrics.json", "clips.csv", "curves"))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    args = inputs(folder)
    html = report.page("joint-dubstep", NAMES, *args)
    assert html == report.page("joint-dubstep", NAMES, *args), "the same inputs must give the same bytes"
    (folder / "index.html").write_text(html)
    return folder / "index.html"


@pytest.fixture
def opened(page_file: Path, page: Any) -> Any:
    page.goto(page_file.as_uri())
    return page


def test_verdicts_follow_the_intervals() -> None:
    table = {row.name: row for row in report.rows(metrics())}
    assert table["held-out cross-entropy (base | model)"].verdict == "better"
    assert table["FAD"].verdict == "worse"
    assert table["probability of the genre"].verdict == "better"
    assert table["tempo right"].verdict == "within noise"
    assert table["probability of the genre"].real == "84%"


def test_the_classifiers_own_accuracy_stands_beside_what_it_says_of_clips(tmp_path: Path) -> None:
    args = inputs(tmp_path)
    assert "The classifier learned" not in report.page("joint-dubstep", NAMES, *args)
    shares = {"classified_genre_right": 0.5, "against_classified_genre_right": 0.4, "real_classified_genre_right": 0.9}
    found = metrics() | {f"{name}{end}": v + d for name, v in shares.items() for end, d in ENDS.items()}
    write_json(tmp_path / "metrics.json", found)
    row = next(row for row in report.rows(found) if row.name == "genre right, by the classifier")
    assert (row.before, row.after, row.real, row.verdict) == ("40%", "50%", "90% (80% … 100%)", "within noise")
    html = report.page("joint-dubstep", NAMES, *args)
    assert "The classifier learned from the train tracks alone" in html and "90% (80% … 100%)" in html


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


def test_other_figures_of_both_sides_are_judged_and_absent_ones_named() -> None:
    found = metrics() | {"clap_absent": 1.0, "alone": 1.0, "alone_low": 0.0, "alone_high": 2.0, "real_kld": 0.5}
    for name, value in (("kld", 1.0), ("against_kld", 2.0), ("stereo_width", 0.5), ("against_stereo_width", 0.1)):
        found |= {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1}
    cells = {row.name: (row.before, row.after, row.verdict, row.tone, row.real) for row in report.others(found)}
    assert cells == {
        "kld": ("2", "1", "better", "good", "0.5"),
        "stereo width": ("0.1", "0.5", "higher", "soft", ""),
        "clap": ("", "", "absent", "soft", ""),
    }


def test_a_page_without_distances_does_not_explain_them(tmp_path: Path) -> None:
    args = inputs(tmp_path)
    found = {name: value for name, value in metrics().items() if "fad" not in name}
    write_json(tmp_path / "metrics.json", found | {"real_windows": 0.0, "fad_absent": 1.0})
    html = report.page("joint-dubstep", NAMES, *args)
    assert "Distances are to" not in html and "absent" in html
    write_json(tmp_path / "metrics.json", metrics())
    assert "Distances are to 200 windows" in report.page("joint-dubstep", NAMES, *args)


def test_a_page_that_would_be_too_heavy_holds_the_first_prompts_and_says_so(
    page_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page_file.read_text().count("<audio controls preload") == 6 and "The first" not in page_file.read_text()
    monkeypatch.setattr(listening, "MOST_BYTES", 445_000)
    names = ("mine", "theirs", "metrics.json", "clips.csv", "curves")
    html = report.page("joint-dubstep", NAMES, *(page_file.parent / name for name in names))
    assert html.count("<audio controls preload") == 2 and "The first 1 of 3; the figures are of all." in html
    assert "3 prompts, the same seeds for both" in html and len(html) < 445_000


def test_clips_and_figures_of_another_run_are_refused(tmp_path: Path) -> None:
    args = inputs(tmp_path)
    for found, mine, theirs in (((*FOUND[:2], *BESIDE), 2, 3), (FOUND, 3, 0)):
        write_csv(tmp_path / "clips.csv", found, COLUMNS)
        about = f"about {mine} of the first and {theirs} of the second: run the stages"
        with pytest.raises(UserError, match=f"mine holds 3 clips, .*theirs 3, and .*clips.csv is {about}"):
            report.page("joint-dubstep", NAMES, *args)


def test_the_page_opens_and_its_clips_play(page_file: Path, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert page.title() == "joint-dubstep · lowend"
    assert page.locator("[data-number='1'] .prompt").text_content() == "dubstep at 140 BPM & <b>loud</b>"
    page.evaluate("document.querySelectorAll('#pairs audio').forEach(a => a.preload = 'metadata')")
    page.wait_for_function("[...document.querySelectorAll('#pairs audio')].every(a => a.readyState >= 1)")
    assert page.evaluate("[...document.querySelectorAll('#pairs audio')].map(a => Math.round(a.duration))") == [2] * 6
    page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth === 400)")
    page.evaluate("(a => { a.muted = true; return a.play(); })(document.querySelector('audio'))")
    page.wait_for_function(
        "(a => a.currentTime > 0.1 && a.closest('figure').style.cssText)(document.querySelector('audio'))"
    )
    assert page.locator("svg path").count() > 5
    assert all(url.startswith(("file:", "data:")) for url in asked), "the page must need nothing else"


def test_both_sides_are_heard_at_one_loudness(opened: Any) -> None:
    levels = opened.evaluate(
        """async () => { const context = new OfflineAudioContext(1, 1, 48000), found = [];
           for (const a of document.querySelectorAll("[data-number='1'] audio")) {
             const data = Uint8Array.from(atob(a.src.split(",")[1]), c => c.charCodeAt(0)).buffer;
             const wave = (await context.decodeAudioData(data)).getChannelData(0);
             found.push(10 * Math.log10(wave.reduce((sum, x) => sum + x * x, 0) / wave.length));
           } return found; }"""
    )
    assert levels[0] == pytest.approx(levels[1], abs=0.3) and levels[1] == pytest.approx(-17.0, abs=0.5)
    captions = opened.locator("[data-number='1'] figcaption").all_text_contents()
    assert captions[0].endswith("played at -12.0 dB") and captions[1].endswith("played at +0.0 dB")
    assert opened.locator("[data-number='3'] figcaption").last.text_content() == "joint-dubstep: silent"


def test_a_clip_that_cannot_be_read_is_shown_as_such(tmp_path: Path) -> None:
    args = inputs(tmp_path)
    (tmp_path / "mine/000.flac").write_bytes(b"no audio")
    write_csv(
        tmp_path / "clips.csv",
        [SimpleNamespace(**dataclasses.asdict(one), is_broken=one is FOUND[0]) for one in (*FOUND, *BESIDE)],
        (*COLUMNS, "is_broken"),
    )
    html = report.page("joint-dubstep", NAMES, *args)
    assert "2 of the model's 3 clips are silent or cannot be read" in html
    assert '<option value="broken">broken</option>' in html and "joint-dubstep: a file that cannot be read" in html


def numbers(page: Any) -> list[str]:
    return page.eval_on_selector_all("#pairs > section:not([hidden])", "all => all.map(s => s.dataset.number)")


def test_the_worst_come_first_and_clips_are_ordered_and_filtered(opened: Any) -> None:
    assert numbers(opened) == ["3", "2", "1"], "silence, then a wrong tempo"
    assert "1 of the model's 3 clips is silent or cannot be read" in opened.locator("main").inner_text()
    assert "100 BPM, F minor" in opened.locator("[data-number='2']").text_content()
    opened.get_by_label("Order").select_option("as the prompts")
    assert numbers(opened) == ["1", "2", "3"]
    opened.get_by_label("Order").select_option("fad, worst first")
    assert numbers(opened) == ["1", "2", "3"], "the silent clip has none"
    opened.get_by_label("Order").select_option("tempo, worst first")
    assert numbers(opened)[0] == "2"
    for label, order in (("worsened", ["2", "1", "3"]), ("improved", ["1", "2", "3"])):
        opened.get_by_label("Order").select_option(f"fad, most {label} first")
        assert numbers(opened) == order, "from 3.5 to 3, from 1.5 to 2, and a silent clip, which has none"
    opened.get_by_label("Show").select_option("tempo wrong")
    assert numbers(opened) == ["2"] and opened.locator("#shown").inner_text() == "1 of 3"
    opened.get_by_label("Show").select_option("all")
    opened.get_by_label("Sub-genre").select_option("riddim")
    opened.get_by_label("Filter by any word").fill("quiet")
    assert numbers(opened) == ["3"]


def test_what_was_found_in_either_clip_stands_under_it_and_their_figures_side_by_side(opened: Any) -> None:
    section = opened.locator("[data-number='2']")
    section.scroll_into_view_if_needed()
    found = [text.strip() for text in section.locator("figure > p").all_text_contents()]
    assert found[0].startswith("found: 121 BPM") and found[1].startswith("found: 100 BPM, F minor")
    assert not section.locator("table").is_visible()
    section.locator("summary").click()
    assert section.locator("thead th").all_inner_texts() == ["figure", "base-dubstep", "joint-dubstep"]
    rows = [row.locator("th, td").all_inner_texts() for row in section.locator("tbody tr").all()]
    assert ["tempo error", "0.14", "0.29"] in rows and ["fad", "1.5", "2"] in rows


def test_keys_move_play_and_change_sides_at_the_same_place(opened: Any) -> None:
    playing = "[...document.querySelectorAll('audio')].filter(a => !a.paused).map(a => a.getAttribute('aria-label'))"
    opened.evaluate("document.querySelectorAll('audio').forEach(a => a.muted = true)")
    for key in "jjj":
        opened.keyboard.press(key)
    opened.keyboard.press("k")
    assert opened.evaluate("document.activeElement.dataset.number") == "2"
    opened.keyboard.press("p")
    opened.wait_for_function("document.activeElement.querySelector('audio').currentTime > 0.3")
    assert opened.evaluate(playing) == ["base-dubstep, prompt 2"]
    opened.keyboard.press("x")
    opened.wait_for_function(f"{playing}.includes('joint-dubstep, prompt 2')")
    assert opened.evaluate(playing) == ["joint-dubstep, prompt 2"], "one sound at a time"
    assert opened.evaluate("document.activeElement.querySelectorAll('audio')[1].currentTime") >= 0.3
    opened.keyboard.press("p")
    opened.wait_for_function(f"{playing}.length === 0")
    opened.get_by_label("keys: j").uncheck()
    opened.locator("[data-number='2']").focus()
    opened.keyboard.press("p")
    assert opened.evaluate(playing) == []


FIRST_HEARD = """[...document.querySelectorAll("#pairs audio")]
  .find(a => a.src === document.getElementById("sound-A").src).dataset.side"""


def tab_to(page: Any, name: str) -> None:
    """Press Tab until something whose label begins with `name` has the focus."""
    label = (
        "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || '')(document.activeElement)"
    )
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(label).strip().startswith(name):
            return
    raise AssertionError(f"{name} is not reached")


def judge(page: Any) -> None:
    """One pair by keyboard alone: sound A gets 5, 4, 3, sound B 1, 2, 3, and A is preferred."""
    for side, presses in (("A", (4, 3, 2)), ("B", (0, 1, 2))):
        for name, n in zip(("genre", "quality", "creativity"), presses, strict=True):
            while not page.evaluate(f"document.activeElement.name === '{side}-{name}'"):
                page.keyboard.press("Tab")
            page.keyboard.press("Space")
            for _ in range(n):
                page.keyboard.press("ArrowRight")
    tab_to(page, "Sound A")
    page.keyboard.press("Space")
    tab_to(page, "Next")
    page.keyboard.press("Enter")


def start(page: Any, pairs: str) -> None:
    tab_to(page, "Blind test")
    page.keyboard.press("Enter")
    tab_to(page, "Your name")
    page.keyboard.type("Ann B.")
    tab_to(page, "Pairs")
    page.keyboard.press("Control+a")
    page.keyboard.type(pairs)
    page.keyboard.press("Enter")
    page.get_by_text(f"Pair 1 of {pairs}").wait_for()


def test_the_blind_test_by_keyboard_alone_hides_the_labels_and_saves_ratings(opened: Any, tmp_path: Path) -> None:
    start(opened, "2")
    assert opened.evaluate("document.getElementById('sound-A').src").startswith("data:audio/ogg")
    opened.evaluate("document.querySelectorAll('dialog audio').forEach(a => a.muted = true)")
    opened.keyboard.press("b")
    opened.wait_for_function("document.getElementById('sound-B').currentTime > 0.1")
    opened.keyboard.press("x")
    opened.wait_for_function("!document.getElementById('sound-A').paused && document.getElementById('sound-B').paused")
    liked = []
    for n in (1, 2):
        opened.get_by_text(f"Pair {n} of 2").wait_for()
        shown = opened.locator("#blind").evaluate(
            "d => d.innerText + [...d.querySelectorAll('audio')].map(a => a.ariaLabel)"
        )
        assert "joint" not in shown and "base" not in shown
        if n == 2:
            opened.keyboard.press("Escape")
            opened.reload()
            tab_to(opened, "Blind test")
            opened.keyboard.press("Enter")
            opened.get_by_text("1 of 2 pairs are judged by Ann B.").wait_for()
            tab_to(opened, "Go on")
            opened.keyboard.press("Enter")
        liked.append(opened.evaluate(FIRST_HEARD))
        judge(opened)
    opened.get_by_text("Of 2 pairs you preferred").wait_for()
    tab_to(opened, "Save ratings")
    with opened.expect_download() as download:
        opened.keyboard.press("Enter")
    assert download.value.suggested_filename == "ratings-joint-dubstep-Ann-B-.json"
    download.value.save_as(tmp_path / "ann.json")
    saved = ratings.read(tmp_path / "ann.json")
    assert (saved.page, saved.model, saved.against, saved.listener) == (
        "joint-dubstep", "joint-dubstep", "base-dubstep", "Ann B.",
    )  # fmt: skip
    assert sorted(answer.clip for answer in saved.answers) == [1, 2], "the first prompts, whichever stand on top"
    assert [answer.preferred for answer in saved.answers] == liked, "of the sound that was heard as A"
    for answer in saved.answers:
        best, worst = (answer.model, answer.against) if answer.preferred == "model" else (answer.against, answer.model)
        assert (best, worst) == (
            {"genre": 5, "quality": 4, "creativity": 3},
            {"genre": 1, "quality": 2, "creativity": 3},
        )
    said = opened.locator("#outcome").inner_text()
    mine = sum(answer.preferred == "model" for answer in saved.answers)
    assert said == f"Of 2 pairs you preferred joint-dubstep in {mine}, base-dubstep in {2 - mine}, neither in 0."


def test_the_order_of_pairs_and_sides_is_drawn_anew_at_every_start(opened: Any) -> None:
    drawn = set()
    for _ in range(12):
        opened.get_by_role("button", name="Blind test").click()
        opened.get_by_label("Your name").fill("Ann")
        opened.get_by_role("button", name="Start").click()
        (kept,) = opened.evaluate("Object.values(localStorage).map(JSON.parse)")
        assert sorted(trial["clip"] for trial in kept["trials"]) == [1, 2, 3]
        drawn.add(json.dumps(kept["trials"]))
        opened.keyboard.press("Escape")
    assert len(drawn) > 3, "of 48 orders"


def test_a_pair_is_not_left_before_everything_is_judged(opened: Any) -> None:
    start(opened, "1")
    tab_to(opened, "Next")
    opened.keyboard.press("Enter")
    assert opened.get_by_text("Pair 1 of 1").is_visible()
    assert opened.evaluate("document.activeElement.name") == "A-genre", "the first that is missing"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, page_file: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(page_file.as_uri())

    def faults() -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]

    assert faults() == []
    start(page, "1")
    assert faults() == []
    judge(page)
    page.get_by_text("Of 1 pairs").wait_for()
    assert faults() == []
    page.close()


def test_a_page_of_200_clips_is_light_and_opens_at_once(
    page_file: Path, tmp_path: Path, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 prompts of ten seconds, of noise, which takes as many bits as any sound; coded once and repeated."""
    noise = (0.2 * rng("noise").standard_normal((1, 10 * RATE))).astype(np.float32)
    clip = clips.Clip("0.flac", "a long prompt " * 8, "riddim", 140.0, "F minor", 0)
    item = Item(clip, noise, RATE, False)
    monkeypatch.setattr(intake, "read", lambda _: [item] * 100)
    pair = listening.pair
    coded = functools.cache(lambda rate: pair(("base", "joint"), (item, item), rate))
    monkeypatch.setattr(listening, "pair", lambda names, items, rate: coded(rate))
    write_csv(tmp_path / "clips.csv", [Found()] * 100 + [Found(side="against")] * 100, COLUMNS)
    folder = page_file.parent
    args = (folder, folder, folder / "metrics.json", tmp_path / "clips.csv", folder / "curves")
    html = report.page("joint-dubstep", NAMES, *args)
    (tmp_path / "index.html").write_text(html)
    assert html.count("<audio controls preload") == 200 and (tmp_path / "index.html").stat().st_size < 25_000_000
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto((tmp_path / "index.html").as_uri(), wait_until="load")
    assert page.locator("#shown").inner_text() == "100 of 100"
    used = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    assert 0.05 < used["ProcessTime"] < 2, "seconds of processor time, which other work on the machine does not change"
    reached = []
    for _ in range(100):
        page.keyboard.press("j")
        reached.append(page.evaluate("Number(document.activeElement.dataset.number)"))
    assert reached == [*range(1, 101)], "the keyboard reaches every pair"
    page.evaluate("document.querySelectorAll('audio').forEach(a => a.muted = true)")
    page.keyboard.press("p")
    page.wait_for_function("document.activeElement.querySelector('audio').currentTime > 0.1")
    page.keyboard.press("p")
    page.evaluate("document.querySelectorAll('#pairs audio').forEach(a => a.preload = 'metadata')")
    page.wait_for_function("[...document.querySelectorAll('#pairs audio')].every(a => Math.round(a.duration) === 10)")


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
    lost = {k: json.loads(committed(f"metrics/forgetting/{k}.json")) for k in curriculum["forgetting"]}
    tables = (table.stages(curriculum["curriculum"], trained), table.evaluations(judged))
    made = "\n\n".join((*tables, table.forgotten(curriculum["forgetting"], lost)))
    readme = committed("README.md")
    assert table.replace(readme, made) == readme, "run `make table` and commit README.md with metrics/"
