"""Clips on a listening page: small, at one loudness, drawn, and the worst first."""

from __future__ import annotations

import io
import math

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lowend import listening
from lowend.clips import Clip
from lowend.errors import UserError
from lowend.metrics.intake import Item

RATE = 32000
RIGHT = {
    "bpm": "140.2", "key": "F minor", "tempo_error": "0.001", "tempo_right": "True", "key_distance": "0",
    "key_right": "True", "low_share": "0.41", "is_silent": "False",
}  # fmt: skip
WRONG = RIGHT | {"tempo_error": "0.3", "tempo_right": "False", "key_distance": "2", "key_right": "False"}
NOTHING = WRONG | {"bpm": "", "key": "", "tempo_error": "", "key_distance": ""}
SILENT = RIGHT | {"is_silent": "True", "tempo_right": "False", "bpm": "", "tempo_error": ""}


def tone(peak: float, channels: int = 1, hertz: float = 60.0, seconds: float = 2.0) -> np.ndarray:
    wave = peak * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    return np.repeat(wave[None], channels, 0).astype(np.float32)


def item(wav: np.ndarray, is_broken: bool = False) -> Item:
    return Item(Clip("0.flac", "trap", "trap", 140.0, "F minor", 0), wav, RATE, is_broken)


def decode(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as file:
        resampler = av.AudioResampler(format="fltp")
        return np.concatenate([out.to_ndarray() for f in file.decode(audio=0) for out in resampler.resample(f)], axis=1)


@pytest.mark.parametrize("channels", [1, 2])
def test_opus_keeps_length_channels_and_the_bass(channels: int) -> None:
    data = listening.opus_bytes(tone(0.5, channels), RATE, 96_000)
    heard = decode(data)
    assert heard.shape == (channels, 2 * 48_000)
    middle = heard[:, 24_000:72_000]
    assert 20 * np.log10(np.sqrt((middle**2).mean()) / (0.5 / np.sqrt(2))) == pytest.approx(0, abs=0.3)
    assert data == listening.opus_bytes(tone(0.5, channels), RATE, 96_000), "the same bytes"
    assert len(data) <= 2 * 96_000 / 8 * 1.15


@given(st.lists(st.floats(0.5, 240.0), min_size=1, max_size=300))
def test_the_budget_holds_as_many_prompts_as_fit(lengths_s: list[float]) -> None:
    held, bit_rate = listening.budget(lengths_s)
    assert 1 <= held <= len(lengths_s)
    assert listening.BIT_RATES[0] <= bit_rate <= listening.BIT_RATES[1]
    size = 400_000 + held * 26_000 + sum(lengths_s[:held]) * bit_rate / 6
    assert size <= listening.MOST_BYTES or held == 1
    if held < len(lengths_s):
        assert size + 26_000 + lengths_s[held] * bit_rate / 6 > 0.8 * listening.MOST_BYTES, "one more would not fit"


def test_a_hundred_prompts_of_ten_seconds_are_all_held() -> None:
    held, bit_rate = listening.budget([20.0] * 100)
    assert held == 100 and bit_rate > 48_000
    assert listening.budget([20.0] * 12) == (12, 96_000), "few clips are coded as well as it goes"
    assert listening.budget([]) == (0, 32_000)


@given(st.floats(-70, 0), st.floats(-70, 0))
def test_gains_only_lower_and_meet_at_the_quieter(first: float, second: float) -> None:
    gains = listening.gains_db(first, second)
    assert max(gains) == 0 and first + gains[0] == pytest.approx(second + gains[1])


def test_silence_lowers_nothing() -> None:
    assert listening.gains_db(-math.inf, -20.0) == (0.0, 0.0)
    sounds = listening.pair(("a", "b"), (item(tone(0.0)), item(tone(0.5))), 96_000)
    assert sounds[0].heard == "silent" and sounds[1].heard.endswith("played at +0.0 dB")


@pytest.mark.parametrize("seconds", [0.001, 0.1, 2.0])
def test_a_picture_has_its_size_for_any_length(seconds: float) -> None:
    data = listening.picture(tone(0.5, 2, seconds=seconds), RATE)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (400, 128)
    assert data == listening.picture(tone(0.5, 2, seconds=seconds), RATE) and len(data) < 13_000


def test_a_picture_shows_height_and_loudness() -> None:
    def drawn(wav: np.ndarray) -> np.ndarray:
        with Image.open(io.BytesIO(listening.picture(wav, RATE))) as image:
            return np.asarray(image.convert("L"), float)

    rows = [32 + int(drawn(tone(0.5, hertz=hertz))[32:, 200].argmax()) for hertz in (60, 600, 6000)]
    assert rows[0] > rows[1] + 20 > rows[2] + 40, "lower sounds lie lower"
    heights = [(drawn(tone(peak))[:32, 100:300] > 120).sum() for peak in (0.1, 0.5, 0.9)]
    assert heights[0] < heights[1] < heights[2]


def test_a_verdict_says_what_was_found_and_what_is_wrong() -> None:
    right, wrong = listening.verdict(RIGHT), listening.verdict(WRONG)
    assert right.facts == "140 BPM, F minor, 41% of the power in 20–200 Hz" and right.flags == ()
    assert wrong.flags == ("tempo", "key") and wrong.badness == {"tempo": 0.3, "key": 2.0}
    nothing = listening.verdict(NOTHING)
    assert nothing.facts.startswith("no tempo, no key") and nothing.badness["tempo"] > wrong.badness["tempo"]
    assert listening.verdict(SILENT).flags == ("silent",)
    assert listening.verdict(SILENT | {"is_broken": "True"}).facts == "a file that cannot be read"
    assert listening.verdict(RIGHT | {"is_copy": "True", "wobble_right": "False"}).flags == ("copy", "wobble")
    part = {"structure_right": "False", "part": "thin", "instruments_right": "0.5", "heard": "bass"}
    found = listening.verdict(RIGHT | part)
    assert found.flags == ("structure", "instruments") and {("part", "thin"), ("heard", "bass")} <= {*found.figures}
    assert listening.verdict(RIGHT | dict.fromkeys(part, "")).flags == listening.verdict(RIGHT).flags == ()


def test_a_prompt_that_asks_for_nothing_is_not_called_wrong() -> None:
    asked = RIGHT | dict.fromkeys(("tempo_error", "tempo_right", "key_distance", "key_right"), "")
    assert listening.verdict(asked).flags == () and listening.verdict(asked).badness == {}


def test_figures_that_evaluate_adds_are_shown_and_those_with_a_better_end_ordered_by() -> None:
    found = listening.verdict(RIGHT | {"clap": "0.3", "fad": "12.345", "nearest_track": "trap 0003", "kld": ""})
    assert found.badness == {"tempo": 0.001, "key": 0.0, "clap": -0.3, "fad": 12.345}
    shown = dict(found.figures)
    assert shown["nearest track"] == "trap 0003" and "kld" not in shown and "is silent" not in shown
    with pytest.raises(UserError, match="clips: low_share must be a number"):
        listening.verdict(RIGHT | {"low_share": "much"})


def test_how_much_worse_is_told_of_figures_that_both_have() -> None:
    before, after = (listening.verdict(row | {"clap": clap}) for row, clap in ((RIGHT, "0.3"), (WRONG, "0.4")))
    assert listening.worsened(before, after) == {"clap": -0.1, "key": 2.0, "tempo": 0.299}
    assert listening.worsened(listening.verdict(SILENT), after) == {}
    assert listening.worsened(before, listening.verdict(NOTHING)) == {"key": 6.0, "tempo": 0.999}


def test_the_worst_come_first() -> None:
    rows = [RIGHT, WRONG, SILENT, WRONG | {"key_right": "True"}, WRONG | {"tempo_error": "0.4"}, NOTHING]
    assert listening.worst_first([listening.verdict(row) for row in rows]) == [2, 5, 4, 1, 3, 0]


def test_another_sound_makes_another_fingerprint() -> None:
    first, again, other = (listening.fingerprint([[item(tone(0.5))], [item(tone(p))]]) for p in (0.4, 0.4, 0.41))
    assert first == again and len(first) == 16 and first != other
