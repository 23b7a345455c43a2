"""The kit's listening page in a real browser: from disk, without a network, with sounds that play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lowend import kit, kitpage
from lowend.audio.io import decode
from lowend.errors import UserError
from lowend.kitpage import Group
from lowend.models.sampling import Sampling
from lowend.tracks import write_json

RATE = 32000
ROWS = [
    {"row": "tagger: genre right", "value": 1.0, "bar": 0.99, "passed": True, "figures": {}},
    {"row": "codec: SI-SDR, dB", "value": 3.5, "bar": None, "passed": None, "figures": {}},
    {"row": "base LM: tempo <right>", "value": 0.25, "bar": 0.5, "passed": False, "figures": {}},
    {"row": "make repro: seconds", "value": None, "bar": None, "passed": False, "figures": {"not_run": "why"}},
]
SAMPLING = Sampling(250, 0.0, 1.0, 3.0)


def tone(hz: float) -> np.ndarray:
    return (1.5 * np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE)).astype(np.float32)[None]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page with tones in place of what the models make."""
    one = kitpage.player("clip", "a tone", tone(220), RATE)
    monkeypatch.setattr(kit, "unpack", lambda folder: folder)
    monkeypatch.setattr(
        kitpage, "generated", lambda folder, prompts, genre, s: [Group(f"{genre} & <b>loud</b>", [one])]
    )
    monkeypatch.setattr(kitpage, "coded", lambda folder: [Group("trap", [one, one])])
    monkeypatch.setattr(kitpage, "separated", lambda folder: [Group("drill", [one] * 4)])
    write_json(tmp_path / "table.json", {"rows": ROWS})
    kitpage.write(tmp_path / "page.html", tmp_path, tmp_path, SAMPLING, tmp_path / "table.json")
    return tmp_path / "page.html"


def test_every_sound_plays_from_disk(page: Any, made: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made.as_uri())
    page.wait_for_function("[...document.querySelectorAll('audio')].every(a => a.readyState > 0)")
    seconds = page.evaluate("[...document.querySelectorAll('audio')].map(a => a.duration)")
    assert len(seconds) == 8 and all(1.9 < s < 2.2 for s in seconds)
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_prompts_are_shown_as_they_are_and_sounds_have_names(page: Any, made: Path) -> None:
    page.goto(made.as_uri())
    assert page.get_by_text("dubstep & <b>loud</b>").count() == 1
    assert page.locator("audio:not([aria-label])").count() == 0
    assert page.locator("img:not([alt])").count() == 0


def test_what_falls_short_comes_first_and_says_so(page: Any, made: Path) -> None:
    page.goto(made.as_uri())
    rows = page.locator("table tbody tr")
    assert rows.nth(0).inner_text().split("\t") == ["base LM: tempo <right>", "0.25", "0.5", "falls short"]
    assert "not measured" in rows.nth(1).inner_text()
    assert rows.nth(3).inner_text().endswith("reached")


def test_the_page_fits_a_narrow_screen(page: Any, made: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(made.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_sound_survives_mp3_and_does_not_clip() -> None:
    data = kitpage.mp3_bytes(tone(220), RATE)
    wav, rate = decode(data)
    assert rate == RATE and 0.8 < np.abs(wav).max() < 1
    spectrum = np.abs(np.fft.rfft(wav[0, : 2 * RATE]))
    assert abs(np.argmax(spectrum) / 2 - 220) <= 1
    assert data == kitpage.mp3_bytes(tone(220), RATE)


def test_a_page_needs_the_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"benchmarks/starter\.py"):
        kitpage.write(tmp_path / "page.html", tmp_path, tmp_path, SAMPLING, tmp_path / "none.json")


def test_a_page_that_is_too_large_is_refused(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kitpage, "MOST_BYTES", 1000)
    with pytest.raises(UserError, match="more than 1000"):
        kitpage.write(tmp_path / "other.html", tmp_path, tmp_path, SAMPLING, tmp_path / "table.json")
    assert not (tmp_path / "other.html").exists()
