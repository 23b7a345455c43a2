"""The page about the data in a real browser: from disk, without a network, with tracks that play."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import datapage, dataset, shards
from lowend.audio.io import flac_bytes, read_flac
from lowend.dataset import Data, Entry, Folders
from lowend.tracks import Rejected, Track, write_rejected, write_tracks

ROOT = Path(__file__).resolve().parents[1]
RATE, SECONDS = 16000, 24
EVIL = "<script>document.title = 'owned'</script>\"><img src=x onerror=alert(1)>"
SOURCES = {"crate": {"genre": "dubstep"}, "stems-known": {"genre": "dubstep"}}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


def audio(number: int, seconds: float = SECONDS) -> np.ndarray:
    """Noise: what FLAC can shorten least."""
    rng = np.random.default_rng(number)
    return rng.uniform(-0.5, 0.5, (1, int(RATE * seconds))).astype(np.float32)


def gain(short: float) -> dict[str, float]:
    return {"measured_lufs": -20.4, "gain_db": 4.4 - short, "reached_lufs": -16 - short, "short_of_target_db": short}


def write_source(folders: Folders, key: str, tracks: list[Track], rejected: list[Rejected], truth: bool) -> None:
    """A source as the stages leave it; with truth, a track's SI-SDR is its number in dB."""
    write_tracks(folders.captions / "dubstep" / f"{key}.csv", tracks)
    mixes, stems = [], []
    for n, track in enumerate(tracks):
        mix = [shards.Member(track.id, "mix.flac", flac_bytes(audio(n, track.duration or 0), RATE))]
        notes: dict[str, Any] = {"gain": gain(1.25 * (n == 1)), "trimmed_s": [0.0, 0.0]}
        mixes.append([*mix, shards.note(track.id, notes, mix)])
        made = [
            shards.Member(track.id, f"{name}.flac", flac_bytes(audio(n + m, track.duration or 0) / (m + 1), RATE))
            for m, name in enumerate(("bass", "drums", "other"))
        ]
        scores = {"bass": {"made": float(n), "mix": -3.0}, "drums": {"made": n + 2.0, "mix": -4.0}} if truth else {}
        stems.append([*made, shards.note(track.id, {"si_sdr": scores}, made)])
    shards.write(folders.audio / "dubstep" / key, mixes)
    shards.write(folders.stems / "dubstep" / key, stems)
    write_rejected(folders.audio / "dubstep" / key / "rejected.csv", rejected)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folders]:
    """Eleven tracks of two sources; the first has a title that would like to be code."""
    root = tmp_path_factory.mktemp("data")
    found = Folders(*(root / name for name in ("captions", "audio", "stems", "splits")))
    tracks = [
        Track(
            f"{n:02}", f"{n}.wav", title=EVIL if n == 0 else f"Track {n}", artist="Ann", genre="dubstep",
            sub_genre=("riddim", "brostep", "")[n % 3], caption=f"caption {n}", bpm=None if n == 2 else 138.0 + n,
            key="F minor" if n % 2 else "C major", duration=float(SECONDS), energy_level="high",
            structure='[{"name": "drop", "start": 6.0, "end": 20.0}]' if n == 3 else "", analysis="librosa",
            bpm_confidence=0.9, key_confidence=0.2 if n == 4 else 0.8, flags="halves disagree" if n == 5 else "",
            licence="CC0-1.0", tier=1,
        )
        for n in range(11)
    ]  # fmt: skip
    rejected = [
        Rejected("broken <i>.mp3", "download", "unreadable: no header"),
        Rejected("b.wav", "normalize", "silent"),
    ]
    write_source(found, "crate", tracks[:4], rejected, truth=False)
    write_source(found, "stems-known", tracks[4:], [], truth=True)
    for side, rows in (("train", tracks[2:]), ("valid", tracks[:1]), ("test", tracks[1:2])):
        write_tracks(found.splits / f"{side}.csv", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOWEND_SCRATCH", str(root / "scratch"))
        patch.setenv("LOWEND_WORKERS", "1")
        yield found


@pytest.fixture(scope="module")
def page_file(folders: Folders) -> Path:
    """The page, made by the script in a process of its own."""
    root = folders.captions.parent
    (root / "params.yaml").write_text(json.dumps({"licence": "commercial", "sources": SOURCES}))
    command = [sys.executable, ROOT / "src/data.py", "dubstep", "--out", "reports/data/dubstep.html"]
    for name in ("captions", "audio", "stems", "splits"):
        command += [f"--{name}", name]
    env = {**os.environ, "LOWEND_ANY_PYTHON": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return root / "reports/data/dubstep.html"


def test_the_page_is_small_and_the_same_wherever_it_is_made(page_file: Path, folders: Folders) -> None:
    data = dataset.read("dubstep", folders, SOURCES, "commercial")
    assert page_file.read_text() == datapage.page("dubstep", "commercial", folders, data)
    assert page_file.stat().st_size < 8_000_000


def test_the_page_opens_and_its_tracks_play(page_file: Path, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())

    assert page.title() == "dubstep: the data · lowend"
    assert page.get_by_text(f"{EVIL} by Ann", exact=True).first.is_visible()
    for told in ("broken <i>.mp3", "unreadable: no header", "halves disagree", "key unsure (0.20)", "librosa (11)"):
        assert page.get_by_text(told).first.is_visible(), told

    listed = page.locator("table.sortable").first.locator("tfoot td").all_inner_texts()
    assert listed == [
        "all",
        "11 (0.07 h)",
        "9 (0.06 h)",
        "1 (0.01 h)",
        "1 (0.01 h)",
        "0 (0.00 h)",
        "0 (0.00 h)",
        "2",
    ]
    histograms = page.locator("table.histogram").all()
    assert len(histograms) == 7
    for histogram in histograms:
        counts = [row.locator("td.number").all_inner_texts() for row in histogram.locator("tbody tr").all()]
        assert all(sum(map(int, series)) == 11 for series in zip(*counts, strict=True)), histogram.inner_text()
    tempo = dict(
        zip(
            histograms[0].locator("tbody th").all_inner_texts(),
            histograms[0].locator("td.number").all_inner_texts(),
            strict=True,
        )
    )
    assert tempo == {"140 ± 2.5": "4", "145 ± 2.5": "5", "150 ± 2.5": "1", "unknown": "1"}

    page.wait_for_function("[...document.querySelectorAll('audio')].every(a => a.readyState >= 1)")
    durations = page.evaluate("[...document.querySelectorAll('audio')].map(a => a.duration)")
    assert len(durations) == 10 + 4 * 4, "ten mixes, and mix and three stems of the four worst"
    assert min(durations) > 3 and max(durations) <= 20
    assert page.evaluate("[...document.images].every(i => i.naturalWidth > 100 && i.alt)")
    page.evaluate("() => { const a = document.querySelector('audio'); a.muted = true; return a.play(); }")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.1")

    scores = page.locator("table.sortable").filter(has_text="mean, dB")
    means = scores.locator("tbody td:nth-child(3)")
    assert means.all_inner_texts() == ["1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"], "the worst first"
    scores.get_by_role("button", name="mean, dB").click()
    scores.get_by_role("button", name="mean, dB").click()
    assert means.all_inner_texts() == ["7.0", "6.0", "5.0", "4.0", "3.0", "2.0", "1.0"]
    quiet = page.locator("table.sortable").filter(has_text="below target").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in quiet] == ["Track 1 by Ann", "Track 5 by Ann"]
    assert [row.split("\t")[-2:] for row in quiet] == [["-17.2", "1.2"]] * 2
    assert all(url.startswith(("file:", "data:")) for url in asked), "the page must need nothing else"


def test_one_track_without_truth_is_enough(tmp_path: Path, folders: Folders) -> None:
    mine = Folders(*(tmp_path / name for name in ("captions", "audio", "stems", "splits")))
    track = Track("a", "only <one>.wav", duration=3.0, licence="CC0-1.0", tier=1)
    write_source(mine, "crate", [track], [], truth=False)
    for side in ("train", "valid", "test"):
        write_tracks(mine.splits / f"{side}.csv", [track] if side == "test" else [])
    data = dataset.read("dubstep", mine, {"crate": SOURCES["crate"]}, "commercial")
    html = datapage.page("dubstep", "commercial", mine, data)
    assert html.count("<audio") == 1 + 4
    assert "only &lt;one&gt;.wav" in html and "A proxy" in html and "Against the true stems" not in html


def test_the_stems_are_heard_where_the_mix_is(tmp_path: Path, folders: Folders) -> None:
    """Normalize cut two seconds of silence off, so the stems start two seconds earlier than the mix."""
    mine = Folders(*(tmp_path / name for name in ("captions", "audio", "stems", "splits")))
    sections = '[{"name": "drop", "start": 5.0, "end": 9.0}]'
    track = Track("a", "a.wav", duration=9.0, structure=sections)
    whole = {"bass": audio(0, 12.0), "other": audio(1, 12.0) * np.float32(0.5)}
    mix = [shards.Member("a", "mix.flac", flac_bytes(sum(whole.values())[:, 2 * RATE : 11 * RATE], RATE))]
    stems = [shards.Member("a", f"{name}.flac", flac_bytes(wav, RATE)) for name, wav in whole.items()]
    shards.write(mine.audio / "dubstep/crate", [[*mix, shards.note("a", {}, mix)]])
    shards.write(mine.stems / "dubstep/crate", [[*stems, shards.note("a", {}, stems)]])
    notes = {"gain": gain(0), "trimmed_s": [2.0, 1.0]}, {"si_sdr": {}, "digest": "x"}
    html = datapage.page("dubstep", "research", mine, Data([Entry(track, "crate", "train", *notes)], {"crate": []}))
    sounds = [read_flac(base64.b64decode(data))[0] for data in re.findall(r"data:audio/flac;base64,([^\"]+)", html)]
    assert len(sounds) == 4
    shortest = min(sound.shape[1] for sound in sounds)
    np.testing.assert_allclose(sounds[0][:, :shortest], sounds[1][:, :shortest], atol=1e-4)


def test_an_unknown_genre_is_named(folders: Folders, page_file: Path) -> None:
    command = [sys.executable, ROOT / "src/data.py", "polka", "--out", "x.html"]
    for name in ("captions", "audio", "stems", "splits"):
        command += [f"--{name}", name]
    env = {**os.environ, "LOWEND_ANY_PYTHON": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folders.captions.parent, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no source under `sources` has `genre: polka`" in done.stderr


class Tags(HTMLParser):
    """Counts tags, and collects the text of table cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.inside = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def with_rejected(name: str, reason: str) -> Tags:
    data = Data([], {"crate": [Rejected(name, "download", reason)]})
    return Tags(datapage.page("dubstep", "commercial", Folders(*[Path()] * 4), data))


@settings(max_examples=30, deadline=None)
@given(TEXT | st.just(EVIL), TEXT | st.sampled_from(["{{ genre }}", "</table>", "&lt;b&gt;", "';--"]))
def test_no_text_becomes_markup(name: str, reason: str) -> None:
    found = with_rejected(name, reason)
    assert found.tags == with_rejected("name", "reason").tags
    assert name in found.cells and reason in found.cells


@given(st.lists(st.sampled_from(["riddim", "brostep", "dubstep", ""]), max_size=30), st.randoms())
def test_listening_is_spread_over_sub_genres_and_hangs_on_ids_alone(names: list[str], random: Any) -> None:
    entries = [Entry(Track(f"{n}", "", sub_genre=s), "crate", "train", {}, {}) for n, s in enumerate(names)]
    chosen = datapage.spread(entries, 10)
    assert len(chosen) == min(10, len(entries)) and len({e.track.id for e in chosen}) == len(chosen)
    shares = [sum(e.track.sub_genre == s for e in chosen) for s in set(names)]
    spare = [sum(e.track.sub_genre == s and e not in chosen for e in entries) for s in set(names)]
    assert all(taken >= max(shares) - 1 or not left for taken, left in zip(shares, spare, strict=True))
    random.shuffle(entries)
    assert datapage.spread(entries, 10) == chosen


@settings(max_examples=15, deadline=None)
@given(st.integers(30_000, 400_000), st.integers(1, 3))
def test_what_is_fitted_keeps_the_limit_and_one_length(limit: int, count: int) -> None:
    waves = {str(n): audio(n, 8.0) for n in range(count)}
    fitted = datapage.fit(waves, RATE, limit)
    size = sum(len(flac_bytes(wav, RATE, bits=16)) for wav in fitted.values())
    assert size <= limit and len({wav.shape for wav in fitted.values()}) == 1
    whole = sum(len(flac_bytes(wav, RATE, bits=16)) for wav in waves.values())
    assert size > 0.8 * min(limit, whole), "no more is cut than must be"
