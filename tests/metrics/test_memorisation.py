"""Copies are found, by place and by track; what is merely alike is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.metrics import memorisation
from lowend.metrics.absent import Absent
from lowend.metrics.memorisation import Fingerprints, Nearest, Thresholds

LIMITS = Thresholds(overlap=0.3, distance=1.0, pieces=20)


def codes(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1024, frames)


TRACKS = [(f"track{n}", codes(n, frames)) for n, frames in enumerate((900, 400, 125, 60, 700))]


def plain(clip: np.ndarray, tracks: list[tuple[str, np.ndarray]]) -> float:
    """The largest share of equal codes, by trying every window at every place, over the edges too."""
    best = 0.0
    gap = np.full(memorisation.WINDOW, -1)
    for window in memorisation.windows(clip):
        for _, track in tracks:
            line = np.concatenate([gap, track, gap])
            for at in range(len(line) - len(window) + 1):
                best = max(best, float((line[at : at + len(window)] == window).mean()))
    return best


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.integers(1, 300), st.integers(2, 40))
def test_looking_up_finds_what_trying_every_place_finds(seed: int, frames: int, bins: int) -> None:
    tracks = [(name, track[:200] % bins) for name, track in TRACKS[:3]]
    clip = codes(seed, frames) % bins
    found = Fingerprints(tracks).nearest(clip)
    if not memorisation.windows(clip):
        assert found is None
    else:
        assert found is not None and found[1] == pytest.approx(plain(clip, tracks))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 4), st.floats(0, 0.6), st.integers(0, 99))
def test_a_copy_names_its_track_and_how_much_of_it_is_left(track: int, lost: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    source = TRACKS[track][1]
    start = int(draw.integers(max(1, len(source) - 124)))
    copy = source[start : start + 125].copy()
    changed = draw.permutation(len(copy))[: int(lost * len(copy))]
    copy[changed] = (copy[changed] + 1) % 1024
    name, overlap = Fingerprints(TRACKS).nearest(copy)
    assert name == f"track{track}" and overlap == pytest.approx(1 - len(changed) / len(copy), abs=0.02)


def test_half_a_clip_that_is_copied_is_enough() -> None:
    clip = np.concatenate([codes(50, 250), TRACKS[4][1][300:550]])
    assert Fingerprints(TRACKS).nearest(clip) == ("track4", pytest.approx(1, abs=0.01))
    name, overlap = Fingerprints(TRACKS).nearest(codes(50, 500))
    assert overlap < 0.05 and name


def test_silence_is_like_silence_and_says_nothing() -> None:
    still = np.full(300, 7)
    tracks = [("still", still), *TRACKS]
    assert Fingerprints(tracks).nearest(still) is None
    half = np.concatenate([still, codes(50, 200)])
    assert Fingerprints(tracks).nearest(half)[1] < 0.6


def test_codes_that_no_track_holds_are_no_error() -> None:
    assert Fingerprints([("low", codes(0, 300) % 8)]).nearest(codes(1, 125) % 100 + 500) == ("", 0.0)


def test_a_distance_is_to_the_nearest_window_of_the_track() -> None:
    track = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert memorisation.distance(np.array([[10.0, 3.0], [0.0, 1.0]]), track) == 2
    assert memorisation.distance(track, track) == 0


def test_a_silent_clip_is_near_nothing() -> None:
    windows = np.zeros((2, 2))
    assert memorisation.nearest(None, windows, Fingerprints(TRACKS), [windows]) == Nearest("", None, None)
    dull = memorisation.nearest(np.full(300, 7), windows + 3, Fingerprints(TRACKS), [windows, windows + 3])
    assert dull == Nearest("", None, 0.0)


def test_thresholds_are_what_a_twentieth_of_real_pieces_pass() -> None:
    real = [Nearest("t", n / 100, 1 + n / 100) for n in range(101)]
    limits = memorisation.calibrate([*real, Nearest("", None, None)])
    assert limits == Thresholds(pytest.approx(0.95), pytest.approx(1.05), 101)
    assert sum(memorisation.is_copy(one, limits) for one in real) == 5
    with pytest.raises(
        Absent, match="needs 8 pieces of held-out tracks as long as a clip, got 7: add tracks, or raise"
    ):
        memorisation.calibrate(real[:7])


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_clips_that_repeat_each_other_are_all_flagged(repeats: int) -> None:
    clips = [codes(n, 250) for n in range(8)]
    for n in range(1, repeats + 1):
        clips[n] = clips[0].copy()
    flags = memorisation.repeated([*clips, None], LIMITS)
    assert flags == [n <= repeats for n in range(8)] + [False]
    assert not any(memorisation.repeated([codes(n, 250) for n in range(8)], LIMITS))


def test_pieces_are_as_long_as_a_clip_and_whole() -> None:
    track = codes(0, 1000)
    assert [len(one) for one in memorisation.pieces(track, 300)] == [300, 300, 300]
    assert np.array_equal(np.concatenate(memorisation.pieces(track, 300)), track[:900])
    assert [len(one) for one in memorisation.pieces(track[:200], 300)] == [200]


def test_flags_are_counted_beside_what_chance_flags() -> None:
    clips = [Nearest("a", 0.9, 0.2), Nearest("b", 0.1, 4.0), Nearest("c", 0.3, 0.9), Nearest("", None, None)]
    found = memorisation.summarise(clips, [True, True, False, False], LIMITS, 50, "x")
    assert (found["copied_clips"], found["near_clips"], found["repeated_clips"]) == (1, 2, 2)
    assert found["copied_clips_by_chance"] == 0.15 and found["copy_overlap"] == 0.3 and found["copy_pieces"] == 20
    assert found["train_overlap"] == pytest.approx(1.3 / 3, abs=1e-4)
    silent = memorisation.summarise([Nearest("", None, None)], [False], LIMITS, 50, "x")
    assert silent["copied_clips"] == 0 and "train_overlap" not in silent
