"""The wording that models are trained on: nothing unknown is said, and each view says what it is."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import captions, params
from lowend.sources import synth
from lowend.tracks import Track

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = captions.load_template(ROOT / captions.TEMPLATE)
FULL = {
    "sub_genre": "trap", "bpm": 139.5349, "key": "F minor", "energy_level": "high", "instruments": "drums, 808 bass",
}  # fmt: skip
SAID = {
    "sub_genre": "trap ", "bpm": " at 140 BPM", "key": " in F minor", "energy_level": ", high energy",
    "instruments": ", with drums, 808 bass",
}  # fmt: skip


@given(st.sets(st.sampled_from(sorted(FULL))))
def test_only_what_is_known_is_said(known: set[str]) -> None:
    track = Track("1", "x", genre="hiphop", **{name: FULL[name] for name in known})
    text = captions.caption(track, TEMPLATE)
    for name, words in SAID.items():
        assert (words in text) == (name in known)
    assert text == text.strip() and "  " not in text and "None" not in text and "{" not in text


def test_the_wording_is_fixed() -> None:
    text = captions.caption(Track("1", "x", genre="hiphop", **FULL), TEMPLATE)  # type: ignore[arg-type]
    assert text == "trap hip-hop at 140 BPM in F minor, high energy, with drums, 808 bass"
    assert captions.for_view("trap", "drops-1", TEMPLATE) == "drop, trap"


def test_a_genre_without_a_name_is_written_as_it_is() -> None:
    assert captions.caption(Track("1", "x", genre="polka", bpm=120.4), TEMPLATE) == "polka at 120 BPM"
    assert captions.caption(Track("1", "x", genre="hiphop", sub_genre="hip-hop"), TEMPLATE) == "hip-hop"
    assert captions.caption(Track("1", "x", genre="dubstep", sub_genre="dubstep"), TEMPLATE) == "dubstep"


def test_every_view_that_is_tokenised_has_its_words() -> None:
    views = params.load("encode", path=ROOT / "params.yaml")["encode"]["views"]
    texts = {v: captions.for_view("trap", v, TEMPLATE) for names in views.values() for v in names}
    assert len(set(texts.values())) == len(texts) and texts["mix"] == "trap"
    assert all(text.endswith("trap") for text in texts.values())
    with pytest.raises(KeyError, match="vocals"):
        captions.for_view("trap", "vocals", TEMPLATE)


@pytest.mark.parametrize("genre", ["hiphop", "dubstep"])
def test_prompts_are_written_as_captions_are(genre: str) -> None:
    with (ROOT / f"prompts/{genre}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        track = Track("1", "x", genre=genre, sub_genre=row["sub_genre"], bpm=float(row["bpm"]), key=row["key"])
        assert row["prompt"].startswith(captions.caption(track, TEMPLATE))
        assert row["sub_genre"] in synth.sub_genres(genre)
        assert re.fullmatch(r"[A-G][#b]? (minor|major)", row["key"])


def test_the_users_caption_replaces_all_of_it_but_the_view() -> None:
    track = dataclasses.replace(Track("1", "x", genre="hiphop", bpm=90.0), caption="my own {words}")
    assert captions.caption(track, TEMPLATE) == "my own {words}"
    assert captions.for_view("my own {words}", "drums", TEMPLATE) == "drums only, my own {words}"
