from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prune
import recipe
from lowend import clusters
from lowend.errors import UserError
from lowend.splits import Split, SplitConfig, assign
from lowend.tracks import Track

CONFIG = SplitConfig(0.1, 0.1)
TRACKS = st.lists(
    st.tuples(
        st.integers(0, 60), st.sampled_from(["trap", "drill", ""]), st.sampled_from(["hiphop", "hiphop", "dubstep"])
    ),
    min_size=8,
    max_size=90,
)


def table(rows: list) -> list[Track]:
    return [
        Track(f"{n:04x}", f"{n}.wav", artist=f"Artist {a}", genre=g, sub_genre=s, fingerprint=f"f{n}", tier=1)
        for n, (a, s, g) in enumerate(rows)
    ]


def split(tracks: list[Track], gate: str = "commercial") -> Split:
    return assign([t for t in tracks if t.genre == "hiphop"], clusters.find(tracks, 0.1, 0.1), CONFIG, gate)


@settings(max_examples=60)
@given(TRACKS)
def test_artists_stay_whole_over_sides_and_genres(rows: list) -> None:
    tracks = table(rows)
    members = clusters.find(tracks, 0.1, 0.1)
    sides: dict[str, set[str]] = {}
    for genre in ("hiphop", "dubstep"):
        made = assign([t for t in tracks if t.genre == genre], members, CONFIG, "commercial")
        found = [t.id for side in made.sides.values() for t in side]
        assert sorted(found) == sorted(t.id for t in tracks if t.genre == genre)
        for side, group in made.sides.items():
            for track in group:
                sides.setdefault(track.artist, set()).add(side)
    assert all(len(s) == 1 for s in sides.values())


@settings(max_examples=40)
@given(TRACKS, st.randoms())
def test_the_split_does_not_depend_on_order(rows: list, random) -> None:  # type: ignore[no-untyped-def]
    tracks = table(rows)
    shuffled = tracks.copy()
    random.shuffle(shuffled)
    assert split(tracks).sides == split(shuffled).sides


def test_shares_are_close_and_one_more_track_moves_little() -> None:
    tracks = table([(n, ("trap", "drill")[n % 2], "hiphop") for n in range(200)])
    before = split(tracks)
    assert {side: len(rows) for side, rows in before.sides.items()} == {"train": 160, "valid": 20, "test": 20}
    new = Track("ffff", "new.wav", artist="New", genre="hiphop", sub_genre="trap", fingerprint="new", tier=1)
    after = split([*tracks, new])
    where = {t.id: side for side, rows in before.sides.items() for t in rows}
    moved = [t for side, rows in after.sides.items() for t in rows if where.get(t.id, side) != side]
    assert len([t for t in moved if t.sub_genre == "trap"]) <= 2 and len({t.artist for t in moved}) <= 2


@pytest.mark.parametrize("count", [3, 5, 8])
def test_a_handful_of_tracks_still_fills_every_side(count: int) -> None:
    sides = split(table([(n, "", "hiphop") for n in range(count)])).sides
    assert all(sides.values())


def test_recordings_are_kept_once_and_together() -> None:
    tracks = table([(n, "trap", "hiphop") for n in range(20)])
    copy = Track("ffff", "copy.mp3", artist="Other", genre="hiphop", sub_genre="trap", fingerprint="f3", tier=1)
    made = split([*tracks, copy])
    assert [t.file_path for t in made.duplicates] == ["copy.mp3"]
    assert len({clusters.find([*tracks, copy], 0.1, 0.1)[t].cluster for t in ("0003", "ffff")}) == 1


def test_the_gate_keeps_unlicensed_tracks_out_of_train_only() -> None:
    tracks = [
        Track(**{f: getattr(t, f) for f in Track.__slots__} | {"tier": 3})
        for t in table([(n, "", "hiphop") for n in range(40)])
    ]
    made = split(tracks)
    assert not made.sides["train"] and len(made.gated) == 32 and len(made.sides["test"]) == 4


def test_recipes_change_leaves_and_refuse_unknown_keys() -> None:
    params = {"train": {"steps": 90, "lr": 1.0}, "seed": 0}
    assert recipe.overlay(params, {"train": {"steps": 4}, "seed": 0}) == ["train.steps: 90 -> 4"]
    assert params == {"train": {"steps": 4, "lr": 1.0}, "seed": 0}
    with pytest.raises(UserError, match=r"`train\.step` is not in params"):
        recipe.overlay(params, {"train": {"step": 4}})


def test_prune_finds_what_no_stage_owns(tmp_path: Path) -> None:
    for name in ("data/raw/hiphop/mine", "data/raw/hiphop/gone", "data/tokens/house/gone"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data/README.md").write_text("")
    owned = {tmp_path / "data/raw/hiphop/mine"}
    found = prune.orphans(tmp_path / "data", owned)
    assert found == [tmp_path / "data/raw/hiphop/gone", tmp_path / "data/tokens"]
