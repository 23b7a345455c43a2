"""Clips are separated whose prompts ask for what stems tell, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import kit
import numpy as np

from lowend.clips import Clip
from lowend.metrics import evaluation, stems
from lowend.metrics.intake import Item
from lowend.synth import song as synth

RATE = synth.SAMPLE_RATE


def test_only_clips_that_ask_for_what_stems_tell_are_separated() -> None:
    song = synth.song(9401, "dubstep", 0, 12.0)
    part = slice(6 * RATE, 10 * RATE)
    mix = song.mix.mean(0, keepdims=True)[:, part]
    free = Item(Clip("0.flac", "", "dubstep", 140.0, "", 0, wobble_hz=4.67), mix, RATE, False)
    drop = replace(free, clip=replace(free.clip, file="1.flac", structure="drop"))
    broken = replace(drop, clip=replace(drop.clip, file="2.flac"), is_broken=True)
    found = stems.listen([free, drop, broken], kit.KIT / "separator")
    assert found[0] is None and found[2] is None
    assert found[1] is not None and (found[1].part, found[1].heard) == ("full", ("drums", "bass"))


def test_no_separator_is_loaded_where_nothing_is_asked_of_stems() -> None:
    item = Item(Clip("0.flac", "", "", None, "", 0), np.zeros((1, RATE), np.float32), RATE, False)
    assert evaluation.separated([item, item], Path("nowhere")) == [None, None]
