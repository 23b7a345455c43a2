"""The wording that models are trained on: nothing unknown is said, and each view says what it is."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lowend import captions, params
from lowend.audio import views
from lowend.errors import UserError
from lowend.synth import song as synth
from lowend.tracks import Track
from lowend.training import data

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = captions.load_template(ROOT / captions.TEMPLATE)
FULL = {
    "sub_genre": "trap", "bpm": 139.5349, "key": "F minor", "energy_level": "high", "instruments": "drums, 808 bass",
}  # fmt: skip
SAID = {
    "sub_genre": "trap ", "bpm": " at 140 BPM", "key": " in F minor", "energy_level": ", high energy",
    "instruments": ", with drums, 808 bass",
}  # fmt: skip

ALL = captions.CaptionConfig("librosa", ("plain", "musicbench"), 20, "", "")


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


def test_a_wobble_is_said_as_a_note_value_of_the_tempo() -> None:
    track = Track("1", "x", genre="dubstep", bpm=140.0)
    said = {
        hz: captions.caption(dataclasses.replace(track, wobble_hz=hz), TEMPLATE).removeprefix("dubstep at 140 BPM")
        for hz in (2.33, 4.67, 7.0, 8.2)
    }
    assert said == {
        2.33: ", wobble in quarters",
        4.67: ", wobble in eighths",
        7.0: ", wobble in eighth-triplets",
        8.2: "",
    }
    assert "wobble" not in captions.caption(Track("1", "x", genre="dubstep", wobble_hz=4.67), TEMPLATE), "no tempo"
    for text in captions.variants(dataclasses.replace(track, wobble_hz=7.0), TEMPLATE, ALL, "x"):
        assert "in eighth-triplets" in text, "every wording says it"


def test_a_genre_without_a_name_is_written_as_it_is() -> None:
    assert captions.caption(Track("1", "x", genre="polka", bpm=120.4), TEMPLATE) == "polka at 120 BPM"
    assert captions.caption(Track("1", "x", genre="hiphop", sub_genre="hip-hop"), TEMPLATE) == "hip-hop"
    assert captions.caption(Track("1", "x", genre="dubstep", sub_genre="dubstep"), TEMPLATE) == "dubstep"


def test_every_view_that_can_be_trained_on_has_its_words() -> None:
    texts = {v: captions.for_view("trap", v, TEMPLATE) for v in (*views.VIEWS, *data.SECTIONS)}
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
        if genre == "dubstep":
            wobbling = dataclasses.replace(track, wobble_hz=float(row["wobble_hz"]))
            with_rate, without = (set(captions.caption(t, TEMPLATE).split(", ")) for t in (wobbling, track))
            (said,) = with_rate - without
            assert row["prompt"].endswith(f", {said}") and said.startswith("wobble in ")
        assert row["sub_genre"] in synth.sub_genres(genre)
        assert re.fullmatch(r"[A-G][#b]? (minor|major)", row["key"])


def test_the_users_caption_replaces_all_of_it_but_the_view() -> None:
    track = dataclasses.replace(Track("1", "x", genre="hiphop", bpm=90.0), caption="my own {words}")
    assert captions.caption(track, TEMPLATE) == "my own {words}"
    assert captions.for_view("my own {words}", "drums", TEMPLATE) == "drums only, my own {words}"


CHORDED = {**FULL, "chords": "Fm, Db, Ab, Eb"}
SECTIONS = (
    '[{"name": "buildup", "start": 0, "end": 16.2}, {"name": "fill", "start": 16.2, "end": 16.4},'
    ' {"name": "drop", "start": 16.4, "end": 32.04}]'
)
TIMELINE = "<buildup, 0–16 s> <drop, 16–32 s>"
PLAIN = "trap hip-hop at 140 BPM in F minor, high energy, with drums, 808 bass"
ALL_KINDS = tuple(captions.KINDS)


def config(kinds: tuple[str, ...] = ("plain",), variants: int = 4, trigger: str = "") -> captions.CaptionConfig:
    return captions.CaptionConfig("essentia", kinds, variants, trigger, "")


def described(track_id: str = "1", **values: object) -> Track:
    return Track(track_id, "x", genre="hiphop", **{**CHORDED, "structure": SECTIONS, **values})  # type: ignore[arg-type]


def texts(track: Track, *args: object) -> list[str]:
    return captions.variants(track, TEMPLATE, config(*args), "0/caption")  # type: ignore[arg-type]


def test_the_first_of_the_variants_is_the_plain_sentence() -> None:
    for n in range(20):
        found = texts(described(str(n)))
        assert found[0] == PLAIN == captions.caption(described(str(n)), TEMPLATE)
        assert len(found) == len(set(found)) == 4
        assert all("140 " in text and "F minor" in text and "drums, 808 bass" in text for text in found)
    assert texts(described(), ("plain",), 1) == [PLAIN]


def test_variants_are_drawn_by_name_and_track() -> None:
    tracks = [described(str(n)) for n in range(20)]
    drawn = [texts(track, ALL_KINDS) for track in tracks]
    assert drawn == [texts(track, ALL_KINDS) for track in tracks]
    assert len({tuple(found) for found in drawn}) > 10
    assert drawn != [captions.variants(track, TEMPLATE, config(ALL_KINDS), "1/caption") for track in tracks]
    said = {text for found in drawn for text in found}
    for kind in ALL_KINDS:
        assert said & set(captions.KINDS[kind](tracks[0], TEMPLATE)), f"no variant of kind {kind}"


def test_variants_end_where_the_wordings_do() -> None:
    assert texts(Track("1", "x", genre="dubstep"), ALL_KINDS, 9) == ["dubstep", "dubstep."]
    assert len(texts(described(), ALL_KINDS, 99)) == sum(
        len(make(described(), TEMPLATE)) for make in captions.KINDS.values()
    )


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("plain", PLAIN),
        (
            "musicbench",
            "trap hip-hop, high energy, with drums, 808 bass. Its tempo is 140 BPM. Its key is F minor. "
            "Its chords are Fm, Db, Ab, Eb.",
        ),
        ("timed", f"{TIMELINE} {PLAIN}"),
    ],
)
def test_what_each_kind_says(kind: str, first: str) -> None:
    assert texts(described(), (kind,), 1) == [first]
    assert texts(described(), (kind,), 1, "lwnd") == [f"lwnd, {first}"]


@pytest.mark.parametrize("kind", ["plain", "timed"])
def test_without_sections_a_timed_caption_is_the_plain_one(kind: str) -> None:
    assert texts(described(structure=""), (kind,), 1) == [PLAIN]


@given(st.sets(st.sampled_from(sorted(CHORDED))))
def test_no_wording_says_what_is_unknown(known: set[str]) -> None:
    track = Track("1", "x", genre="hiphop", **{name: CHORDED[name] for name in known})  # type: ignore[arg-type]
    facts = {**CHORDED, "bpm": "140"}
    for text in texts(track, ALL_KINDS, 99):
        for name, fact in facts.items():
            assert (str(fact) in text) == (name in known and (name != "chords" or text.endswith(".")))
        assert text == text.strip() and "  " not in text and "None" not in text and "{" not in text
        assert not re.search(r"[.,] ?[.,]|^[,.]| [,.]", text)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("plain", "my {words}"),
        ("musicbench", "my {words}. Its tempo is 140 BPM. Its key is F minor. Its chords are Fm, Db, Ab, Eb."),
        ("timed", f"my {{words}} {TIMELINE}"),
    ],
)
def test_the_users_caption_comes_first_in_every_variant(kind: str, first: str) -> None:
    track = described(caption="my {words}")
    assert texts(track, (kind,))[0] == first
    assert all(text.startswith("my {words}") and "trap" not in text for text in texts(track, ALL_KINDS, 99))
    assert all(text.startswith("lwnd, my {words}") for text in texts(track, ALL_KINDS, 99, "lwnd"))


def test_a_full_stop_of_the_users_is_not_doubled() -> None:
    assert texts(described(caption="Loud!"), ("musicbench",))[0].startswith("Loud! Its tempo")
    assert texts(described(caption="A choir."), ("musicbench",))[0].startswith("A choir. Its tempo")


@given(st.floats(60, 180), st.sampled_from(synth.NOTES), st.integers(0, 50))
def test_another_tempo_and_key_change_nothing_but_tempo_and_key(bpm: float, note: str, number: int) -> None:
    """What augmentation relies on: a track of another pitch and tempo is described in the same words."""
    track = described(str(number))
    moved = dataclasses.replace(
        track, bpm=bpm, key=f"{note} major", chords="Am, F", structure=SECTIONS.replace("32", "40")
    )
    want = [
        re.sub(r"\b140\b", f"{bpm:.0f}", text)
        .replace("F minor", f"{note} major")
        .replace("Fm, Db, Ab, Eb", "Am, F")
        .replace("16–32 s", "16–40 s")
        for text in texts(track, ALL_KINDS, 8)
    ]
    assert texts(moved, ALL_KINDS, 8) == want


@pytest.mark.parametrize(
    ("kinds", "number", "trigger", "message"),
    [
        (("plain", "haiku"), 1, "", "caption.kinds must list one or more of plain, musicbench, timed"),
        (("plain", "plain"), 1, "", "each once; got .'plain', 'plain'."),
        ((), 1, "", "caption.kinds"),
        (("plain",), 0, "", "caption.variants must be at least 1, got 0"),
        (("plain",), 1, " x", "caption.trigger must be words .* got ' x'"),
    ],
)
def test_a_slip_in_params_names_its_key(kinds: tuple[str, ...], number: int, trigger: str, message: str) -> None:
    section = {"analysis": "essentia", "kinds": list(kinds), "variants": number, "trigger": trigger, "audio_model": ""}
    with pytest.raises(UserError, match=message):
        params.build(captions.CaptionConfig, section, "caption")


def test_the_page_on_captions_shows_what_is_written() -> None:
    page = (ROOT / "docs/captions.md").read_text()
    (settings,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.S | re.M)
    params.build(captions.CaptionConfig, YAML(typ="safe").load(settings)["caption"], "caption")
    examples = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.M))
    trap = described(chords="Fm, Db, Ab")
    drop = dataclasses.replace(trap, genre="dubstep", sub_genre="", instruments="drums, wobble bass")
    assert examples.keys() == captions.KINDS.keys()
    assert examples["plain"] == PLAIN
    assert [examples["musicbench"]] == texts(trap, ("musicbench",), 1)
    assert [examples["timed"]] == texts(drop, ("timed",), 1)
