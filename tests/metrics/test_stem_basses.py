"""Clips are separated whose prompts ask for what stems tell, and no others; a bass is kept where it is to wobble."""

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


def test_only_clips_that_ask_for_what_stems_tell_are_separated() -> None:
    song = synth.song(9401, "dubstep", 0, 12.0)
    part = slice(6 * RATE, 10 * RATE)
    mix, bass = (wav.mean(0, keepdims=True)[:, part] for wav in (song.mix, song.stems["bass"]))
    free = Item(Clip("0.flac", "", "dubstep", 140.0, "", 0), mix, RATE, False)
    asked = replace(free, clip=replace(free.clip, file="1.flac", wobble_hz=4.67))
    broken = replace(asked, clip=replace(free.clip, file="2.flac"), is_broken=True)
    drop = replace(free, clip=replace(free.clip, file="3.flac", structure="drop"))
    found = stems.listen([free, asked, broken, drop], kit.KIT / "separator")
    assert found[0] is None and found[2] is None
    assert found[3] is not None and (found[3].part, found[3].bass) == ("full", None)
    assert found[1] is not None and found[1].bass is not None
    wav, rate = found[1].bass
    made = resample(wav, rate, RATE)
    assert like(made, bass) > max(0.7, like(mix, bass) + 0.2)


def test_no_separator_is_loaded_where_nothing_is_asked_of_stems() -> None:
    item = Item(Clip("0.flac", "", "", None, "", 0), np.zeros((1, RATE), np.float32), RATE, False)
    assert evaluation.separated([item, item], Path("nowhere")) == [None, None]
