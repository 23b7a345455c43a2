"""Styles: tempi that a codec's frames can count, and tables that cover each of them."""

from __future__ import annotations

import pytest

from lowend.synth import basslines, form, melodies, sound, styles
from lowend.synth.grooves import GROOVES
from lowend.synth.styles import STYLES

# What listeners of the style expect, in BPM.
TEMPI = {
    "boom bap": (85, 96), "trap": (135, 150), "lo-fi": (70, 90), "drill": (138, 146), "phonk": (125, 140),
    "dubstep": (138, 142), "riddim": (138, 145), "brostep": (138, 150), "house": (120, 128), "ambient": (60, 80),
}  # fmt: skip


@pytest.mark.parametrize("name", STYLES)
def test_a_bar_is_a_whole_number_of_codec_frames_at_a_tempo_of_the_style(name: str) -> None:
    for beat in STYLES[name].beat_frames:
        assert 2 * beat == int(2 * beat) and 4 * beat == int(4 * beat)
        assert TEMPI[name][0] <= 60 * styles.FRAME_RATE / beat <= TEMPI[name][1]


@pytest.mark.parametrize("name", STYLES)
def test_every_style_has_its_form_bass_and_melodies(name: str) -> None:
    assert STYLES[name].form in form.FORMS and STYLES[name].energy in ("low", "medium", "high")
    assert name in basslines.PLAYERS and name in melodies.LAYERS
    assert (name in GROOVES) == (name != "ambient"), "only ambient has no drums"
    assert {layer.part for layer in melodies.LAYERS[name]} <= set(sound.Voices.__slots__)


def test_swing_is_less_than_triplets_and_only_lazy_styles_have_it() -> None:
    lazy = {name for name, style in STYLES.items() if max(style.swing) > 0}
    assert lazy == {"boom bap", "lo-fi"} == {name for name, style in STYLES.items() if style.late_ms}
    assert all(0 < s < 1 / 3 for name in lazy for s in STYLES[name].swing)
    assert all(style.late_ms <= 8 for style in STYLES.values())


def test_sub_genres_come_in_a_fixed_order() -> None:
    assert styles.sub_genres("hiphop") == ["boom bap", "trap", "lo-fi", "drill", "phonk"]
    assert styles.sub_genres("dubstep") == ["dubstep", "riddim", "brostep"]
    assert styles.sub_genres("polka") == []
