"""The split: whole clusters, exact shares, a gate for train alone, and little that moves when a track is added."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import clusters, params
from lowend.errors import UserError
from lowend.splits import Split, SplitConfig, assign
from lowend.tracks import Track

CONFIG = SplitConfig(0.1, 0.1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 60), st.sampled_from(["trap", "drill", ""]), st.sampled_from(["hiphop", "hiphop", "dubstep"])
    ),
    min_size=8,
    max_size=90,
)
SINGLES = st.integers(20, 200).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, 30_000), st.integers(1, 4), st.integers(0, 3))
)
"""Tracks that no artist links: how many, the first one's number, sub-genres, the sub-genre of one more."""


def track(n: int, style: str = "trap", artist: str = "", genre: str = "hiphop", tier: int = 1) -> Track:
    return Track(f"{n:04x}", f"{n}.wav", artist=artist, genre=genre, sub_genre=style, fingerprint=f"f{n}", tier=tier)


def table(rows: list[tuple[int, str, str]]) -> list[Track]:
    return [track(n, style, f"Artist {artist}", genre) for n, (artist, style, genre) in enumerate(rows)]


def split(tracks: list[Track], gate: str = "commercial", genre: str = "hiphop") -> Split:
    return assign([t for t in tracks if t.genre == genre], clusters.find(tracks, 0.1, 0.1), CONFIG, gate)


def sides(tracks: list[Track]) -> dict[str, str]:
    return {t.id: side for side, rows in split(tracks).sides.items() for t in rows}


@settings(max_examples=60)
@given(ROWS)
def test_artists_stay_whole_over_sides_and_genres(rows: list) -> None:
    tracks = table(rows)
    found: dict[str, set[str]] = {}
    for genre in ("hiphop", "dubstep"):
        made = split(tracks, genre=genre).sides
        assert sorted(t.id for side in made.values() for t in side) == [t.id for t in tracks if t.genre == genre]
        for side, group in made.items():
            for t in group:
                found.setdefault(t.artist, set()).add(side)
    assert all(len(s) == 1 for s in found.values())


@settings(max_examples=40)
@given(ROWS, st.randoms())
def test_the_split_does_not_depend_on_order(rows: list, random) -> None:  # type: ignore[no-untyped-def]
    tracks = table(rows)
    shuffled = tracks.copy()
    random.shuffle(shuffled)
    assert split(tracks).sides == split(shuffled).sides


@settings(max_examples=150)
@given(SINGLES)
def test_a_new_track_moves_one_track_across_each_border_at_most(case: tuple[int, int, int, int]) -> None:
    count, first, styles, into = case
    tracks = [track(first + n, f"style {n % styles}") for n in range(count)]
    new = track(0xFFFF, f"style {into % styles}")
    before, after = sides(tracks), sides([*tracks, new])
    for side in ("test", "valid"):
        crossed = Counter(
            t.sub_genre for t in tracks if before[t.id] != after[t.id] and side in (before[t.id], after[t.id])
        )
        assert max(crossed.values(), default=0) <= 1
        assert min(crossed, default=new.sub_genre) >= new.sub_genre, "sub-genres before the new track's stay"
    assert not [t for t in tracks if {before[t.id], after[t.id]} == {"test", "valid"}], "none is judged on both"
    sizes = [Counter(found.values()) for found in (before, after)]
    assert all(abs(sizes[1][side] - sizes[0][side]) <= 1 for side in clusters.SIDES)


@settings(max_examples=60)
@given(SINGLES)
def test_shares_are_those_of_the_parameters_whatever_the_sub_genres(case: tuple[int, int, int, int]) -> None:
    count, first, styles, _ = case
    found = Counter(sides([track(first + n, f"style {n % styles}") for n in range(count)]).values())
    assert sum(found.values()) == count
    for side in ("valid", "test"):
        assert found[side] == pytest.approx(0.1 * count, abs=0.5 + 1e-6)


@pytest.mark.parametrize("count", [3, 5, 8])
def test_a_handful_of_tracks_still_fills_every_side(count: int) -> None:
    assert all(split([track(n, "", f"Artist {n}") for n in range(count)]).sides.values())


@given(st.lists(st.integers(0, 12), min_size=30, max_size=120))
def test_a_crowded_artist_does_not_flood_the_held_out_sides(artists: list[int]) -> None:
    tracks = [track(n, artist=f"artist {a}") for n, a in enumerate(artists)]
    found = Counter(sides(tracks).values())
    largest = max(Counter(artists).values())
    for side in ("valid", "test"):
        assert found[side] <= max(1, 0.1 * len(tracks)) + largest / 2


def test_recordings_are_kept_once_and_together() -> None:
    tracks = table([(n, "trap", "hiphop") for n in range(20)])
    copy = Track("ffff", "copy.mp3", artist="Other", genre="hiphop", sub_genre="trap", fingerprint="f3", tier=1)
    made = split([*tracks, copy])
    assert [t.file_path for t in made.duplicates] == ["copy.mp3"]
    assert len({clusters.find([*tracks, copy], 0.1, 0.1)[t].cluster for t in ("0003", "ffff")}) == 1


@pytest.mark.parametrize(("gate", "kept"), [("commercial", {1}), ("research", {1, 2})])
@pytest.mark.parametrize("tiers", [(1, 2, 3), (3,)])
def test_what_is_held_out_needs_no_licence_and_what_trains_does(
    gate: str, kept: set[int], tiers: tuple[int, ...]
) -> None:
    made = split([track(n, tier=tiers[n % len(tiers)]) for n in range(90)], gate)
    assert {t.tier for t in made.sides["train"]} == kept & set(tiers)
    assert {t.tier for t in made.gated} == set(tiers) - kept
    assert sum(map(len, made.sides.values())) + len(made.gated) == 90
    open_ = split([track(n) for n in range(90)], gate)
    for side in ("valid", "test"):
        assert [t.id for t in made.sides[side]] == [t.id for t in open_.sides[side]], "the gate moves no track"


@pytest.mark.parametrize("side", ["valid", "test"])
@pytest.mark.parametrize("share", [0, -0.1, 0.5, 1])
def test_shares_out_of_range_are_refused(side: str, share: float) -> None:
    with pytest.raises(UserError, match=rf"split\.{side} must be above 0 and below 0\.5"):
        params.build(SplitConfig, {"valid": 0.1, "test": 0.1} | {side: share}, "split")
