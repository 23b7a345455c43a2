"""Forms tile a song in phrases, and drops come after build-ups."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend.synth.form import FORMS, sections


@given(st.sampled_from(sorted(FORMS)), st.integers(8, 400))
def test_sections_hold_all_bars_in_phrases_of_two_and_four(form: str, bars: int) -> None:
    found = sections(form, bars)
    assert sum(length for _, length in found) == bars
    assert all(length > 0 for _, length in found)
    assert all(length % 2 == 0 for _, length in found[:-1]), "only an outro may be odd"
    if found[-1][1] % 2:
        assert found[-1][0] == "outro"


@given(st.integers(8, 400))
def test_a_drop_follows_a_build_up_and_nothing_else_does(bars: int) -> None:
    names = [name for name, _ in sections("drops", bars)]
    assert names[0] == "intro" and "drop" in names
    assert all((a == "buildup") == (b == "drop") for a, b in itertools.pairwise(names))


@given(st.sampled_from(sorted(FORMS)), st.integers(8, 400))
def test_what_has_drums_begins_on_the_grid_of_four_bars(form: str, bars: int) -> None:
    """Chords go round in four bars from the start: there a drop, a verse and a hook begin."""
    start = 0
    for name, length in sections(form, bars):
        assert start % 4 == 0 or name not in ("drop", "verse", "hook")
        start += length


@pytest.mark.parametrize(
    ("form", "bars", "names"),
    [
        ("drops", 12, "intro buildup drop"),
        ("drops", 14, "intro buildup drop outro"),
        ("drops", 48, "intro buildup drop breakdown buildup drop outro"),
        ("verses", 8, "verse hook"),
        ("verses", 12, "intro verse hook"),
        ("verses", 40, "intro verse hook verse hook outro"),
    ],
)
def test_the_forms_that_the_genres_know(form: str, bars: int, names: str) -> None:
    assert " ".join(name for name, _ in sections(form, bars)) == names


def test_most_of_a_short_song_is_its_drop() -> None:
    assert dict(sections("drops", 12)) == {"intro": 2, "buildup": 2, "drop": 8}


@given(st.sampled_from(sorted(FORMS)), st.integers(8, 200))
def test_no_section_of_a_longer_song_is_shorter_once_the_form_is_complete(form: str, bars: int) -> None:
    longest = max(sum(n for _, n in f) for f in FORMS[form])
    short, long = sections(form, longest + 4 * bars), sections(form, longest + 4 * bars + 4)
    assert sum(b - a for (_, a), (_, b) in zip(short, long, strict=True)) == 4
    assert all(b >= a for (_, a), (_, b) in zip(short, long, strict=True))


def test_under_eight_bars_there_is_no_song() -> None:
    with pytest.raises(ValueError, match="at least 8 bars, got 7"):
        sections("drops", 7)
