"""What a new track does to a split that people already have results for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import clusters, params
from lowend.errors import UserError
from lowend.splits import SplitConfig, assign
from lowend.tracks import Track

CONFIG = SplitConfig(0.1, 0.1)


def track(n: int, style: str, artist: str = "", tier: int = 1) -> Track:
    return Track(f"{n:04x}", f"{n}.wav", artist=artist, genre="g", sub_genre=style, fingerprint=f"f{n}", tier=tier)


def sides(tracks: list[Track]) -> dict[str, str]:
    made = assign(tracks, clusters.find(tracks, 0.1, 0.1), CONFIG, "commercial")
    return {t.id: side for side, rows in made.sides.items() for t in rows}


SINGLES = st.integers(20, 150).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, 30_000), st.integers(1, 4), st.integers(0, 3))
)


@settings(max_examples=150)
@given(SINGLES)
def test_a_new_track_moves_one_track_across_each_border_at_most(case: tuple[int, int, int, int]) -> None:
    count, first, styles, into = case
    tracks = [track(first + n, f"style {n % styles}") for n in range(count)]
    before, after = sides(tracks), sides([*tracks, track(0xFFFF, f"style {into % styles}")])
    for side in ("test", "valid"):
        crossed = Counter(
            t.sub_genre for t in tracks if before[t.id] != after[t.id] and side in (before[t.id], after[t.id])
        )
        assert max(crossed.values(), default=0) <= 1
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
        assert abs(found[side] - max(1, 0.1 * count)) <= 1


@given(st.lists(st.integers(0, 12), min_size=30, max_size=120))
def test_a_crowded_artist_does_not_flood_the_held_out_sides(artists: list[int]) -> None:
    tracks = [track(n, "trap", f"artist {a}") for n, a in enumerate(artists)]
    found = Counter(sides(tracks).values())
    largest = max(Counter(artists).values())
    for side in ("valid", "test"):
        assert found[side] <= max(1, 0.1 * len(tracks)) + largest / 2


@pytest.mark.parametrize(("gate", "kept"), [("commercial", {1}), ("research", {1, 2})])
def test_what_is_held_out_needs_no_licence_and_what_trains_does(gate: str, kept: set[int]) -> None:
    tracks = [track(n, "trap", tier=1 + n % 3) for n in range(90)]
    made = assign(tracks, clusters.find(tracks, 0.1, 0.1), CONFIG, gate)
    assert {t.tier for t in made.sides["train"]} == kept
    assert {t.tier for t in made.gated} == {1, 2, 3} - kept
    assert sum(map(len, made.sides.values())) + len(made.gated) == 90
    open_ = assign([track(n, "trap") for n in range(90)], clusters.find(tracks, 0.1, 0.1), CONFIG, gate)
    for side in ("valid", "test"):
        assert [t.id for t in made.sides[side]] == [t.id for t in open_.sides[side]], "the gate moves no track"


@pytest.mark.parametrize("share", [0, -0.1, 0.5, 1])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(UserError, match=r"split\.test must be above 0 and below 0\.5"):
        params.build(SplitConfig, {"valid": 0.1, "test": share}, "split")
