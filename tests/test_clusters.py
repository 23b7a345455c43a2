"""Clusters: what one artist or one recording links, over sources and genres."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import clusters
from lowend.tracks import Track

ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.sampled_from(["hiphop", "dubstep"])), max_size=40)


def table(rows: list[tuple[int, int, str]]) -> list[Track]:
    """Tracks from (artist or 0, recording or 0, genre)."""
    return [
        Track(f"{n:04x}", f"{n}.wav", artist=f"Ann {a}" if a else "", fingerprint=f"f{f}" if f else f"own{n}", genre=g)
        for n, (a, f, g) in enumerate(rows)
    ]


@given(ROWS, st.randoms(use_true_random=False))
def test_linked_tracks_and_only_they_are_together(rows: list, random) -> None:  # type: ignore[no-untyped-def]
    tracks = table(rows)
    found = clusters.find(tracks, 0.1, 0.1)
    reach = {t.id: {t.id} for t in tracks}
    for a in tracks:  # transitive closure, the slow way: linked tracks share one set
        for b in tracks:
            if (a.artist and a.artist == b.artist) or a.fingerprint == b.fingerprint:
                union = reach[a.id] | reach[b.id]
                reach |= dict.fromkeys(union, union)
    for t in tracks:
        group = {i for i, m in found.items() if m.cluster == found[t.id].cluster}
        assert group == reach[t.id] and found[t.id].cluster == min(group)
        genres = {u.genre for u in tracks if u.id in group}
        assert bool(found[t.id].side) == (len(genres) > 1)
    shuffled = tracks.copy()
    random.shuffle(shuffled)
    assert clusters.find(shuffled, 0.1, 0.1) == found


@given(ROWS)
def test_one_of_each_recording_is_the_original(rows: list) -> None:
    tracks = table(rows)
    found = clusters.find(tracks, 0.1, 0.1)
    originals = [t for t in tracks if not found[t.id].duplicate_of]
    assert sorted(t.fingerprint for t in originals) == sorted({t.fingerprint for t in tracks})
    for t in tracks:
        same = sorted(u.id for u in tracks if u.fingerprint == t.fingerprint)
        assert found[t.id].duplicate_of == ("" if t.id == same[0] else same[0])


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("DJ Ann", "dj  ann ", True),
        ("STRASSE", "Straße", True),
        ("Ann", "Anne", False),
        ("", "", False),
        (" ", "", False),
    ],
)
def test_artists_are_compared_without_case_and_spaces(one: str, other: str, together: bool) -> None:
    tracks = [Track("a", "x", artist=one, fingerprint="1"), Track("b", "y", artist=other, fingerprint="2")]
    assert (len({m.cluster for m in clusters.find(tracks, 0.1, 0.1).values()}) == 1) == together


def test_sides_by_hash_have_their_shares_and_stay_as_they_are() -> None:
    sides = [clusters.side_by_hash(f"{n:016x}", 0.1, 0.2) for n in range(4000)]
    assert sides.count("valid") / 4000 == pytest.approx(0.1, abs=0.02)
    assert sides.count("test") / 4000 == pytest.approx(0.2, abs=0.02)
    assert [round(clusters.place(n), 6) for n in ("a", "b", "c")] == [0.012107, 0.630776, 0.914463]


def test_members_survive_writing_by_genre(tmp_path: Path) -> None:
    tracks = table([(1, 1, "hiphop"), (1, 2, "dubstep"), (2, 1, "hiphop"), (0, 0, "dubstep")])
    found = clusters.find(tracks, 0.1, 0.1)
    clusters.write(tmp_path, [(t.genre, found[t.id]) for t in tracks[::-1]])
    for genre in ("hiphop", "dubstep"):
        ids = [t.id for t in tracks if t.genre == genre]
        assert clusters.read(tmp_path / f"{genre}.csv") == {i: found[i] for i in ids}
        lines = (tmp_path / f"{genre}.csv").read_text().splitlines()
        assert [line.split(",")[0] for line in lines] == ["id", *ids]


def test_a_removed_source_is_not_read() -> None:
    sources = {"z": {"genre": "hiphop"}, "a": {"genre": "dubstep"}}
    assert clusters.source_files(Path("c"), sources) == [Path("c/dubstep/a.csv"), Path("c/hiphop/z.csv")]
