"""Parts of a track are told apart on songs whose parts are known, and what prompts ask for is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import kit
import numpy as np
import pytest

from lowend.audio.io import Wave
from lowend.clips import Clip
from lowend.metrics import arrangement, stems
from lowend.metrics.arrangement import PARTS, Stems
from lowend.seeds import rng
from lowend.synth import song as synth

RATE = synth.SAMPLE_RATE
CLIP_S = 5.0
FULL = Stems(("drums", "bass"), "full")
NOISE = rng("noise").standard_normal((1, 5 * RATE)).astype(np.float32)
TIME = np.arange(5 * RATE) / RATE


def asked(prompt: str, structure: str = "") -> Clip:
    return Clip("0.flac", prompt, "dubstep", 140.0, "F minor", 0, structure)


@pytest.fixture(scope="module")
def heard() -> list[tuple[str, Stems]]:
    """The true part of passages of unseen songs, and what the kit's separator tells of them."""
    found = []
    for index, (style, seconds) in enumerate((("trap", 28.0), ("lo-fi", 44.0), ("dubstep", 56.0), ("riddim", 28.0))):
        song = synth.song(97_100, style, index, seconds)
        for name, start_s, end_s in {span[0]: span for span in song.sections}.values():
            if end_s - start_s < 4:
                continue
            start = int(max(end_s - CLIP_S, 0) * RATE)
            mix = song.mix.mean(0, keepdims=True)[:, start : start + int(CLIP_S * RATE)]
            made, _ = stems.separate(mix, RATE, kit.KIT / "separator")
            part = PARTS[name.replace("buildup", "build-up")]
            found.append((part, arrangement.listen(mix, RATE, made)))
    return found


def balanced(pairs: Sequence[tuple[str, str]]) -> float:
    """Mean over the true parts of the share that is heard as such; guessing gives a third."""
    return float(np.mean([np.mean([b == kind for a, b in pairs if a == kind]) for kind in {a for a, _ in pairs}]))


def test_parts_of_unseen_songs_are_told_apart(heard: list[tuple[str, Stems]]) -> None:
    truth, found = [part for part, _ in heard], [one.part for _, one in heard]
    assert {part: truth.count(part) >= 2 for part in PARTS.values()} == dict.fromkeys(PARTS.values(), True)
    assert balanced(list(zip(truth, found, strict=True))) >= 0.85
    permuted = [balanced(list(zip(rng("permuted", n).permutation(truth), found, strict=True))) for n in range(20)]
    assert max(permuted) < 0.85 and np.mean(permuted) == pytest.approx(1 / 3, abs=0.15)


def test_drums_and_bass_play_in_full_parts_and_no_bass_before_a_drop(heard: list[tuple[str, Stems]]) -> None:
    assert {one.heard for part, one in heard if part == "full"} == {("drums", "bass")}
    assert not any("bass" in one.heard for part, one in heard if part == "build-up")


def parts_of(mix: Wave, drums_db: float, bass_db: float) -> Mapping[str, Wave]:
    return {name: mix * np.float32(10 ** (db / 20)) for name, db in (("drums", drums_db), ("bass", bass_db))}


@pytest.mark.parametrize(
    ("drums_db", "bass_db", "growth_db", "part", "playing"),
    [
        (-5, -5, 0, "full", ("drums", "bass")),
        (-5, -5, 20, "full", ("drums", "bass")),
        (-15, -5, 20, "thin", ("bass",)),
        (-5, -20, 0, "thin", ("drums",)),
        (-5, -20, 20, "build-up", ("drums",)),
        (-5, -20, -20, "thin", ("drums",)),
    ],
)
def test_a_part_is_named_by_its_stems_and_by_what_grows(
    drums_db: float, bass_db: float, growth_db: float, part: str, playing: tuple[str, ...]
) -> None:
    mix = (0.02 * NOISE * 10 ** (growth_db * (TIME / 5 - 0.5) / 20)).astype(np.float32)
    found = arrangement.listen(mix, RATE, parts_of(mix, drums_db, bass_db))
    assert (found.part, found.heard) == (part, playing)


def test_one_late_crash_and_a_short_clip_do_not_build_up() -> None:
    crash = (0.02 * NOISE * np.where(TIME > 4.6, 30, 1)).astype(np.float32)
    for mix in (crash, crash[:, -RATE:], np.zeros((1, RATE), np.float32)):
        assert arrangement.listen(mix, RATE, parts_of(mix, -20, -20)).part == "thin"


@pytest.mark.parametrize(
    ("structure", "part", "right"),
    [
        ("drop", "full", True), ("hook", "full", True), ("verse", "thin", False), ("outro", "thin", True),
        ("build-up", "build-up", True), ("build-up", "thin", False), ("bridge", "full", None), ("", "full", None),
    ],
)  # fmt: skip
def test_a_part_is_right_where_it_is_of_the_kind_that_was_asked_for(
    structure: str, part: str, right: bool | None
) -> None:
    assert arrangement.structure_right(asked("x", structure), Stems((), part)) is right


def test_nothing_heard_is_wrong_where_something_was_asked_for() -> None:
    clip = asked("drop, dubstep, with drums, wobble bass", "drop")
    assert arrangement.structure_right(clip, None) is False and arrangement.instruments(clip, None) == (0.0, None)


@pytest.mark.parametrize(
    ("prompt", "structure", "found"),
    [
        ("trap, with drums, 808 bass, bells", "", (1.0, None)),
        ("ambient, with synth pads, bells", "", (None, 1.0)),
        ("techno, with drums, synth plucks", "", (1.0, 1.0)),
        ("trap with drums, 808 bass", "verse", (1.0, None)),
        ("trap with drums, 808 bass", "intro", (None, None)),
        ("a bass line and drums", "", (None, None)),
    ],
)
def test_instruments_are_counted_where_a_prompt_lists_them(
    prompt: str, structure: str, found: tuple[float | None, float | None]
) -> None:
    assert arrangement.instruments(asked(prompt, structure), FULL) == found


def test_half_of_the_named_instruments_is_half_right() -> None:
    clip = asked("trap, with drums, 808 bass")
    assert arrangement.instruments(clip, Stems(("bass",), "thin")) == (0.5, None)
    assert arrangement.instruments(asked("x with 808 bass"), Stems(("bass",), "thin")) == (1.0, 0.0)
