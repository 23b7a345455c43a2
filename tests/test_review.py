"""The caption review page: in a real browser, by keyboard alone, and against those who must not write."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import captions, review, shards
from lowend.audio.io import flac_bytes
from lowend.errors import UserError
from lowend.sources import metadata
from lowend.tracks import Section, Track, write_tracks

ROOT = Path(__file__).resolve().parents[1]
RATE = 32000
DROP = '[{"name": "intro", "start": 0.0, "end": 4.0}, {"name": "drop", "start": 4.0, "end": 8.5}]'
TEMPLATE = captions.load_template(ROOT / captions.TEMPLATE)
SURE = {"bpm_confidence": 0.9, "key_confidence": 0.8, "genre": "dubstep", "duration": 65.0}
TRACKS = (
    Track("aa", "one.mp3", "One", "Ann", caption="dubstep at 70 BPM", bpm=70.0, key="F minor", structure=DROP, **SURE),
    Track("bb", "two.mp3", "<b>Two</b>", caption="lwnd, a choir", bpm=140.5, **{**SURE, "key_confidence": 0.2}),
    Track("cc", "three.mp3", "", "Cem", caption="dubstep", variants='["dubstep", "loud"]', flags="unsteady", **SURE),
)


def make(folder: Path, kinds: tuple[str, ...] = ("plain",), trigger: str = "lwnd") -> review.Source:
    """Three captioned tracks of two seconds, and a table in which the user said something of one."""
    tone = (0.3 * np.sin(2 * np.pi * 110 * np.arange(2 * RATE) / RATE)).astype(np.float32)[None]
    mix = flac_bytes(tone, RATE)
    audio = folder / "data/audio/dubstep/mine"
    shards.write(audio, [[shards.Member(t.id, "mix.flac", mix), shards.Member(t.id, "json", b"{}")] for t in TRACKS])
    write_tracks(folder / "data/captions/dubstep/mine.csv", TRACKS)
    (folder / "music").mkdir()
    (folder / "music/metadata.csv").write_text("file_path,artist,caption\nother.mp3,Dee,kept\ntwo.mp3,,a choir\n")
    config = captions.CaptionConfig("librosa", kinds, 1, trigger, "")
    table = folder / "data/captions/dubstep/mine.csv"
    return review.Source("mine", table, audio, folder / "music/metadata.csv", config, TEMPLATE)


@pytest.fixture
def source(tmp_path: Path) -> review.Source:
    return make(tmp_path)


@pytest.fixture
def server(source: review.Source) -> Iterator[review.Server]:
    with review.Server(source, 0) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def page(page: Any, server: review.Server) -> Any:
    page.goto(server.url)
    return page


def table(source: review.Source) -> str:
    return source.metadata.read_text()


def test_doubtful_tracks_come_first_and_fields_hold_what_is_known(source: review.Source) -> None:
    first, second, third = review.entries(source)
    assert (first.id, first.doubts, first.is_flagged) == (
        "cc",
        ["unsteady", "tempo 90% sure", "key 80% sure"],
        True,
    )
    assert (second.id, second.cells["caption"], second.cells["bpm"]) == ("bb", "a choir", "140.5")
    assert (third.id, third.duration) == ("aa", "1:05")
    assert third.cells == {
        "sub_genre": "", "bpm": "70", "key": "F minor", "caption": "", "structure": "intro 0-4\ndrop 4-8.5",
    }  # fmt: skip


def test_a_caption_is_started_from_words_without_what_is_added_to_them(tmp_path: Path, source: review.Source) -> None:
    suggested = {entry.id: entry.suggestion for entry in review.entries(source)}
    assert suggested == {"aa": "dubstep at 70 BPM", "bb": "a choir", "cc": "dubstep"}
    timed = make(tmp_path / "timed", ("timed",), "")
    assert review.entries(timed)[-1].suggestion == "dubstep at 70 BPM in F minor"


@given(
    st.lists(
        st.tuples(st.sampled_from(["drop", "build up", "verse-2"]), st.integers(0, 10**7), st.integers(1, 10**6)),
        max_size=5,
    )
)
def test_sections_survive_the_page(drawn: list[tuple[str, int, int]]) -> None:
    sections: list[Section] = [{"name": n, "start": a / 1000, "end": (a + b) / 1000} for n, a, b in drawn]
    assert json.loads(review.parse_structure(review.structure_text(sections)) or "[]") == sections


@pytest.mark.parametrize(
    "text", ["drop", "drop 9", "9-12", "drop 9-x", "drop 12-9", "drop 4-4", "drop 1.2.3-9", "a:b 1:x-2"]
)
def test_a_line_that_is_no_section_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="structure: .* must (be like|end after)"):
        review.parse_structure(f"intro 0 – 4 s\n\n{text}")


def test_times_may_be_minutes_and_dashes_may_be_long() -> None:
    assert json.loads(review.parse_structure("build up 0:58 – 1:02.5 s")) == [
        {"name": "build up", "start": 58, "end": 62.5}
    ]


def test_saving_writes_the_users_table_and_a_slip_writes_nothing(source: review.Source) -> None:
    before = table(source)
    slips = review.save(
        source, {"aa": {"bpm": "1400", "key": "G minor"}, "bb": {"structure": "drop"}, "zz": {"bpm": "1"}}
    )
    assert [(slip.id, slip.column) for slip in slips] == [("aa", "bpm"), ("bb", "structure"), ("zz", "bpm")]
    assert "bpm must be 20 to 400" in slips[0].message and table(source) == before
    assert [s.message for s in review.save(source, {"aa": {"licence": "CC0-1.0"}})] and table(source) == before
    assert not review.save(source, {"aa": {"bpm": " 140 ", "structure": "drop 4-9"}, "bb": {"caption": ""}})
    said = metadata.read(source.metadata.parent).said
    assert said["one.mp3"] == {"bpm": "140", "structure": '[{"name": "drop", "start": 4.0, "end": 9.0}]'}
    assert said["two.mp3"] == {} and said["other.mp3"] == {"artist": "Dee", "caption": "kept"}
    assert review.entries(source)[-1].cells["bpm"] == "140", "the page shows what was saved before it is applied"


def test_a_page_opens_and_its_tracks_play(page: Any) -> None:
    assert page.title() == "Review of mine · lowend"
    assert page.locator(".track h2").all_inner_texts() == ["three.mp3", "<b>Two</b>", "One"]
    audio = page.locator("audio").first
    audio.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('audio').readyState >= 1")
    assert page.evaluate("document.querySelector('audio').duration") == 2
    reached = page.evaluate(
        """async () => { const a = document.querySelector('audio'); a.muted = true; a.currentTime = 1;
           await a.play(); await new Promise(r => setTimeout(r, 300)); return a.currentTime; }"""
    )
    assert 1 < reached <= 2, "it can be played from the middle"


def test_an_edit_is_saved_and_shown_again(page: Any, source: review.Source) -> None:
    page.get_by_label("Tempo in BPM").nth(2).fill("140")
    page.get_by_label("Your caption").first.fill("a dark,\n“late” one")
    assert page.get_by_role("status").inner_text() == "2 tracks not saved yet"
    page.get_by_role("button", name="Save").click()
    page.get_by_text("saved 2 tracks; run dvc repro to apply").wait_for()
    assert table(source) == (
        'file_path,artist,caption,bpm\nother.mp3,Dee,kept,\ntwo.mp3,,a choir,\none.mp3,,,140\n'
        'three.mp3,,"a dark,\n“late” one",\n'
    )  # fmt: skip
    page.reload()
    assert page.get_by_label("Tempo in BPM").nth(2).input_value() == "140"
    page.get_by_role("button", name="Save").click()
    page.get_by_text("nothing to save").wait_for()


def test_a_wrong_number_is_said_beside_its_field(page: Any, source: review.Source) -> None:
    before = table(source)
    field = page.get_by_label("Tempo in BPM").nth(1)
    field.fill("fast")
    page.get_by_label("Structure").nth(1).fill("drop 9-4")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("nothing saved: bpm must be a number, got 'fast'").wait_for()
    assert field.get_attribute("aria-invalid") == "true" and field.evaluate("f => f === document.activeElement")
    described = page.locator(f"#{field.get_attribute('aria-describedby')}")
    assert described.inner_text() == "bpm must be a number, got 'fast'"
    assert page.get_by_text("'drop 9-4' must end after it starts").is_visible()
    assert table(source) == before
    field.fill("87.5")
    page.get_by_label("Structure").nth(1).fill("drop 4-9")
    page.keyboard.press("Control+s")
    page.get_by_text("saved 1 track;").wait_for()
    assert page.locator("[aria-invalid], .slip").count() == 0
    assert metadata.read(source.metadata.parent).said["two.mp3"]["bpm"] == "87.5"


def test_the_keyboard_is_enough(page: Any, source: review.Source) -> None:
    """Tab from the top to the filter, narrow to one track, reach its fields, edit and save."""

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            label = (
                "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText)(document.activeElement)"
            )
            if name in page.evaluate(label):
                return
        raise AssertionError(f"{name} is not reached")

    tab_to("Filter by any word")
    page.keyboard.type("cem unst")
    assert page.locator(".track:visible").count() == 1
    tab_to("three.mp3")
    tab_to("Start from the current one")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.type(" with a choir")
    tab_to("Key")
    page.keyboard.type("G minor")
    page.keyboard.press("Enter")
    page.get_by_text("saved 1 track;").wait_for()
    said = metadata.read(source.metadata.parent).said["three.mp3"]
    assert said == {"caption": "dubstep with a choir", "key": "G minor"}


def test_only_flagged_tracks_can_be_shown(page: Any) -> None:
    page.get_by_label("only flagged").check()
    assert page.locator(".track:visible h2").all_inner_texts() == ["three.mp3"]
    assert page.get_by_role("status").inner_text() == "1 track of 3"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: Any, server: review.Server, scheme: str) -> None:
    """WCAG AA: 4.5 to 1 for every colour of text on the colour that is behind it."""
    opened = browser.new_page(color_scheme=scheme)
    opened.goto(server.url)
    pairs = opened.evaluate(
        """[...document.querySelectorAll('h1, h2, p, label, input, textarea, button, summary, .bad')].map(e => {
             const fill = e => getComputedStyle(e).backgroundColor;
             let back = e; while (fill(back) === 'rgba(0, 0, 0, 0)') back = back.parentElement;
             return [getComputedStyle(e).color, fill(back)].map(c => c.match(/[\\d.]+/g).slice(0, 3).map(Number)); })"""
    )
    opened.close()

    def luminance(colour: list[float]) -> float:
        linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for pair in pairs:
        low, high = sorted(map(luminance, pair))
        assert (high + 0.05) / (low + 0.05) >= 4.5, pair


def ask(
    server: review.Server, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    named = {"Host": server.url[7:-1], **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body or None, named)
    answer = connection.getresponse()
    found = (answer.status, answer.read(), dict(answer.getheaders()))
    connection.close()
    return found


def test_audio_is_served_whole_and_in_parts(server: review.Server, source: review.Source) -> None:
    whole = shards.read_track(source.audio, "aa", "mix.flac")["mix.flac"]
    status, body, headers = ask(server, "GET", "/audio/aa.flac")
    assert (status, body, headers["Content-Length"], headers["Content-Type"]) == (
        200,
        whole,
        str(len(whole)),
        "audio/flac",
    )
    status, body, headers = ask(server, "GET", "/audio/aa.flac", Range="bytes=10-19")
    assert (status, body, headers["Content-Range"]) == (206, whole[10:20], f"bytes 10-19/{len(whole)}")
    assert ask(server, "GET", "/audio/aa.flac", Range="bytes=40-")[1] == whole[40:]
    assert ask(server, "GET", "/audio/zz.flac")[0] == 422
    for path in ("/audio/../aa.flac", "/metadata.csv", "/audio/aa.csv"):
        assert ask(server, "GET", path)[0] == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": ""},
        {"Content_Type": "text/plain"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
    ids=["another name", "another site", "no origin", "a plain form", "another name and site"],
)
def test_another_site_can_neither_read_nor_write(
    server: review.Server, source: review.Source, changes: dict[str, str]
) -> None:
    body = b'{"aa": {"bpm": "99"}}'
    headers = {"Origin": server.url[:-1], "Content_Type": "application/json"}
    before = table(source)
    assert ask(server, "POST", "/save", body, **{**headers, **changes})[0] == 403
    assert table(source) == before
    if "Host" in changes:
        assert ask(server, "GET", "/", **changes)[0] == 403
    assert ask(server, "POST", "/save", body, **headers)[:2] == (200, b'{"slips": []}')
    assert table(source) != before


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"aa": 1}', b'{"aa": {"bpm": 1}}', b"\xff"])
def test_a_body_that_is_none_is_refused(server: review.Server, body: bytes) -> None:
    headers = {"Origin": server.url[:-1], "Content_Type": "application/json", "Content_Length": str(len(body))}
    assert ask(server, "POST", "/save", body, **headers)[0] == 422
    assert ask(server, "POST", "/save", b"", **{**headers, "Content_Length": "9" * 9})[0] == 413


def test_a_table_that_someone_broke_meanwhile_is_said_in_the_page(
    browser: Any, server: review.Server, source: review.Source
) -> None:
    page = browser.new_page()
    page.goto(server.url)
    source.metadata.write_text("file_path,mood\na,dark\n")
    page.get_by_label("Key").first.fill("G minor")
    page.keyboard.press("Control+s")
    page.get_by_text("unknown column 'mood'").wait_for()
    page.close()
    assert source.metadata.read_text() == "file_path,mood\na,dark\n"


def run(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "src/review.py"), *arguments]
    return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_the_tool_says_what_there_is_to_review(tmp_path: Path, source: review.Source) -> None:
    (tmp_path / "params.yaml").write_text(
        "sources:\n  mine: {kind: folder, genre: dubstep, path: music}\n"
        "  new: {kind: folder, genre: dubstep, path: new}\n"
        "caption: {analysis: librosa, kinds: [plain], variants: 1, trigger: '', audio_model: ''}\n"
    )
    (tmp_path / "prompts").mkdir()
    shutil.copy(ROOT / captions.TEMPLATE, tmp_path / captions.TEMPLATE)
    done = run(tmp_path, "mine", "--check")
    assert done.returncode == 0, done.stderr
    assert "mine: 3 tracks, 1 of them flagged; music/metadata.csv describes 2" in done.stderr
    assert "run `dvc repro caption@new` first" in run(tmp_path, "new", "--check").stderr
    assert "choose another with --port" in run(tmp_path, "mine", "--port", "99999").stderr


def test_a_track_without_audio_is_one_sentence(source: review.Source) -> None:
    write_tracks(source.table, [*TRACKS, Track("dd", "four.mp3")])
    with pytest.raises(UserError, match="lacks the mix of track dd: run `dvc repro` first"):
        review.check(source)
