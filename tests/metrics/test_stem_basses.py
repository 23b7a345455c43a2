"""The bass is taken out of the clips that are to wobble, and of no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import kit
import numpy as np

from lowend.audio.io import Wave, resample
from lowend.clips import Clip
from lowend.metrics import evaluation, stems
from lowend.metrics.intake import Item
from lowend.synth import song as synth

RATE = synth.SAMPLE_RATE


def like(a: Wave, b: Wave) -> float:
    length = min(a.shape[1], b.shape[1])
    return float(np.corrcoef(a.mean(0)[:length], b.mean(0)[:length])[0, 1])


def test_only_clips_that_are_to_wobble_are_separated() -> None:
    song = synth.song(9401, "dubstep", 0, 12.0)
    part = slice(6 * RATE, 10 * RATE)
    mix, bass = (wav.mean(0, keepdims=True)[:, part] for wav in (song.mix, song.stems["bass"]))
    free = Item(Clip("0.flac", "", "dubstep", 140.0, "", 0), mix, RATE, False)
    asked = replace(free, clip=replace(free.clip, file="1.flac", wobble_hz=4.67))
    broken = replace(asked, clip=replace(free.clip, file="2.flac"), is_broken=True)
    found = stems.basses([free, asked, broken], kit.KIT / "separator")
    assert found[0] is None and found[2] is None
    wav, rate = found[1]
    made = resample(wav, rate, RATE)
    assert like(made, bass) > max(0.7, like(mix, bass) + 0.2)


def test_no_separator_is_loaded_where_no_wobble_is_asked_for() -> None:
    item = Item(Clip("0.flac", "", "", None, "", 0), np.zeros((1, RATE), np.float32), RATE, False)
    assert evaluation.basses([item, item], Path("nowhere")) == [None, None]
