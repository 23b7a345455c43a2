"""What counts as the tempo and the key that a prompt asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import analysis
from lowend.clips import Clip
from lowend.errors import UserError
from lowend.metrics import adherence
from lowend.metrics.arrangement import Stems
from lowend.models.wobbles import WobbleEar

RATE = 32000
SOUND = (0.3 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)[None]


def judged(monkeypatch: pytest.MonkeyPatch, bpm: float | None, key: str, asked: Clip) -> adherence.Adherence:
    heard = analysis.Analysis(bpm, key, 1.0)
    monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: heard)
    return adherence.judge(asked, SOUND, RATE, "ear")


def asked(bpm: float | None = 140.0, key: str = "Fm") -> Clip:
    return Clip("0.flac", "", "dubstep", bpm, key, 0)


@pytest.mark.parametrize(
    ("bpm", "key", "tempo_right", "key_right", "near"),
    [
        (140.0, "F minor", 1, 1, 1),
        (70.0, "C minor", 1, 0, 1),
        (140.0, "Ab major", 1, 0, 1),
        (280.0, "F# minor", 1, 0, 0),
        (145.5, "Bb minor", 1, 0, 1),
        (146.0, "F minor", 0, 1, 1),
        (93.3, "", 0, 0, 0),
        (None, "noise", 0, 0, 0),
    ],
)
def test_right_is_within_four_percent_and_the_same_key(
    monkeypatch: pytest.MonkeyPatch, bpm: float | None, key: str, tempo_right: int, key_right: int, near: int
) -> None:
    found = judged(monkeypatch, bpm, key, asked())
    summary = adherence.summarise([found], 20, "x")
    assert (summary["tempo_right"], summary["key_right"], summary["key_within_a_fifth"]) == (
        tempo_right,
        key_right,
        near,
    )
    assert found.bpm == bpm and not found.is_silent


def test_what_was_not_asked_for_is_neither_right_nor_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    free = judged(monkeypatch, 140.0, "F minor", asked(None, ""))
    assert (free.tempo_error, free.tempo_right, free.key_distance, free.key_right) == (None, None, None, None)
    assert not {"tempo_right", "key_right", "key_within_a_fifth"} & set(adherence.summarise([free], 20, "x"))
    bound = judged(monkeypatch, 140.0, "F minor", asked())
    both = adherence.summarise([free, bound], 20, "x")
    assert (both["tempo_right"], both["key_right"], both["key_within_a_fifth"]) == (1.0, 1.0, 1.0)


@settings(max_examples=25, deadline=None)
@given(st.floats(30, 170), st.floats(240, 8000), st.floats(0.05, 0.9))
def test_low_share_is_the_share_of_power_and_not_of_level(low_hz: float, high_hz: float, share: float) -> None:
    t = np.arange(4 * RATE) / RATE
    low, high = (np.sin(2 * np.pi * hz * t) for hz in (low_hz, high_hz))
    wav = (np.sqrt(share) * low + np.sqrt(1 - share) * high).astype(np.float32)[None]
    for level in (1.0, 0.01):
        assert adherence.low_share(wav * np.float32(level), RATE) == pytest.approx(share, abs=0.03)


def test_low_share_at_its_ends() -> None:
    low, high = (np.sin(2 * np.pi * hz * np.arange(3 * RATE) / RATE)[None] for hz in (60, 3000))
    assert adherence.low_share(low, RATE) > 0.99 and adherence.low_share(high, RATE) < 0.01
    assert adherence.low_share(np.zeros((1, RATE), np.float32), RATE) == 0


@pytest.mark.parametrize("level", [0.0, 9e-4])
def test_silence_is_not_analysed_and_counts_as_wrong(monkeypatch: pytest.MonkeyPatch, level: float) -> None:
    def never(name: str) -> None:
        raise AssertionError("silence was analysed")

    monkeypatch.setattr(analysis, "backend", never)
    found = adherence.judge(asked(), np.full((1, RATE), level, np.float32), RATE, "ear")
    assert found == adherence.Adherence(None, "", None, False, None, False, 0.0, True, None, None, None, None)
    right = adherence.Adherence(140.0, "F minor", 0.0, True, 0, True, 0.5, False, 0.0, None, None, None)
    summary = adherence.summarise([found, right], 20, "x")
    assert (summary["silent_clips"], summary["tempo_right"], summary["key_right"]) == (1, 0.5, 0.5)
    assert (summary["tempo_error"], summary["tempo_error_clips"]) == (0, 1), "silence has no error to average"


def test_errors_are_in_beats_a_minute_and_in_steps_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    off = judged(monkeypatch, 150.0, "C minor", asked())
    halved = judged(monkeypatch, 70.0, "D minor", asked())
    deaf = judged(monkeypatch, None, "noise", asked())
    assert off.tempo_error_bpm == pytest.approx(10) and halved.tempo_error_bpm == 0
    found = adherence.summarise([off, halved, deaf], 50, "x")
    assert found["tempo_error_bpm"] == pytest.approx(5) and found["tempo_error_bpm_clips"] == 2
    assert found["key_distance"] == 2 and found["key_distance_clips"] == 2
    assert found["tempo_right"] == pytest.approx(1 / 3, abs=1e-4), "a clip without a beat is wrong"


class Ear:
    """Hears a rate, and notes at which tempo it listened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rate_hz: float | None, bpm: float | None = None) -> None:
        self.tempi: list[float | None] = []
        monkeypatch.setattr(adherence.wobbles, "rate_hz", lambda ear, wav, rate, bpm: self.tempi.append(bpm) or rate_hz)
        monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: analysis.Analysis(bpm, "", 0.0))

    def judge(self, clip: Clip, wav: np.ndarray = SOUND) -> adherence.Adherence:
        return adherence.judge(clip, wav, RATE, "ear", None, WobbleEar())


@pytest.mark.parametrize(("wanted", "right"), [(4.67, True), (5.2, True), (5.8, False), (9.33, False)])
def test_a_wobble_is_right_within_fifteen_percent(monkeypatch: pytest.MonkeyPatch, wanted: float, right: bool) -> None:
    found = Ear(monkeypatch, 4.67).judge(replace(asked(), wobble_hz=wanted))
    assert found.wobble_hz == 4.67 and found.wobble_right is right
    assert found.wobble_error == pytest.approx(abs(4.67 / wanted - 1))


def test_a_wobble_is_listened_for_at_the_tempo_asked_for_or_else_at_the_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch, 4.0, bpm=130.0)
    for bpm in (140.0, None):
        ear.judge(replace(asked(bpm), wobble_hz=4.0))
    assert ear.tempi == [140.0, 130.0]


def test_a_bass_that_does_not_wobble_is_wrong_only_if_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch, None)
    steady, free = ear.judge(replace(asked(), wobble_hz=4.67)), ear.judge(asked())
    assert (steady.wobble_hz, steady.wobble_error, steady.wobble_right) == (None, None, False)
    assert free.wobble_right is None and len(ear.tempi) == 1
    silent = ear.judge(replace(asked(), wobble_hz=4.67), SOUND * 0)
    assert silent.wobble_right is False and len(ear.tempi) == 1, "silence is not listened to"
    unheard = adherence.judge(replace(asked(), wobble_hz=4.67), SOUND, RATE, "ear")
    assert unheard.wobble_right is None, "where nobody listens"
    assert adherence.summarise([steady, free, unheard], 20, "x")["wobble_right"] == 0
    assert "wobble_right" not in adherence.summarise([free], 20, "x")


def test_part_and_instruments_are_judged_by_the_stems_and_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: analysis.Analysis(None, "", 0.0))
    drop = replace(asked(), prompt="drop, dubstep, with drums, wobble bass", structure="drop")
    right, wrong = (
        adherence.judge(drop, SOUND, RATE, "ear", Stems(heard, part))
        for heard, part in ((("drums", "bass"), "full"), (("drums",), "thin"))
    )
    assert (right.part, right.structure_right, right.heard, right.instruments_right) == ("full", True, "drums, bass", 1)
    assert (wrong.structure_right, wrong.instruments_right, wrong.instruments_false) == (False, 0.5, None)
    silent = adherence.judge(drop, np.zeros_like(SOUND), RATE, "ear", Stems(("drums", "bass"), "full"))
    assert (silent.part, silent.structure_right, silent.instruments_right) == ("", False, 0.0)
    free = adherence.judge(replace(asked(), prompt="ambient, with pads"), SOUND, RATE, "ear", Stems(("bass",), ""))
    assert (free.structure_right, free.instruments_right, free.instruments_false) == (None, None, 0.5)
    found = adherence.summarise([right, wrong, silent, free], 50, "x")
    assert found["structure_right"] == pytest.approx(1 / 3, abs=1e-4) and found["instruments_right"] == 0.5
    assert found["instruments_false"] == 0.5 and found["structure_right_low"] <= found["structure_right_high"]
    assert not {"structure_right", "instruments_right"} & set(adherence.summarise([free], 20, "x"))


def test_an_unknown_backend_is_one_sentence() -> None:
    with pytest.raises(UserError, match="must be one of essentia, librosa, got 'ear'"):
        adherence.judge(asked(), SOUND, RATE, "ear")
