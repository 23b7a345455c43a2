"""Wobbles of unseen songs are told apart at their tempo, and what does not move has no rate."""

from __future__ import annotations

import numpy as np
import pytest

from lowend.metrics import wobbles
from lowend.seeds import rng
from lowend.synth import song as synth

RATE = synth.SAMPLE_RATE
TIME = np.arange(5 * RATE) / RATE
TONE = sum(np.sin(2 * np.pi * 55 * n * TIME) / n for n in range(3, 40))


def longest(song: synth.Song, start_s: float) -> float:
    """The rate that sounds longest in five seconds."""
    sounding: dict[float, float] = {}
    for event in song.events:
        if event.lfo_hz and start_s <= event.start_s < start_s + 5:
            sounding[event.lfo_hz] = sounding.get(event.lfo_hz, 0.0) + event.length_s
    return max(sounding, key=lambda hz: sounding[hz])


def test_the_rates_of_unseen_drops_are_told_apart() -> None:
    truth, found = [], []
    for index in range(12):
        song = synth.song(97_200, ("dubstep", "riddim", "brostep")[index % 3], index, 14.0)
        start_s = next(start for name, start, _ in song.sections if name == "drop")
        bass = song.stems["bass"][:, int(start_s * RATE) : int((start_s + 5) * RATE)]
        truth.append(longest(song, start_s))
        found.append(wobbles.rate_hz(bass, RATE, float(song.info["bpm"])) or 0.0)
    right = [np.mean(np.abs(np.array(found) / order - 1) <= 0.15) for order in (truth, rng("x").permutation(truth))]
    assert right[0] >= 0.75 and right[1] <= 0.5, right


@pytest.mark.parametrize("turns", wobbles.TURNS)
def test_every_note_value_is_heard(turns: float) -> None:
    swing = 10 ** (np.sin(2 * np.pi * turns * 140 / 60 * TIME) - 1)
    wav = (0.1 * swing * TONE)[None].astype(np.float32)
    assert wobbles.rate_hz(wav, RATE, 140.0) == pytest.approx(turns * 140 / 60)


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_what_does_not_move_and_what_is_short_has_no_rate(level: float) -> None:
    wav = (level * TONE)[None].astype(np.float32)
    assert wobbles.rate_hz(wav, RATE, 140.0) is None
    assert wobbles.rate_hz(wav[:, :RATE], RATE, 60.0) is None
