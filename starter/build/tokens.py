"""Encode fresh songs into the corpus that the starter's language model learns from.

By hand: python tokens.py --codec work/codec.pt --out work/tokens.pt
Each song gives its mix and, one time in three, one view of its stems, and dubstep its first drop besides;
each view has its captions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

import common
import wording
from lowend.audio.loudness import track_gain
from lowend.audio.views import VIEWS
from lowend.models import codec as codecs
from lowend.synth import song as synth
from lowend.synth.events import Event
from lowend.tracks import Track
from lowend.workers import parallel_map

PARTS = ("drums", "bass", "bass_drums")
PHASES = 4  # into which a turn of a wobble is cut

Row = tuple[np.ndarray, int, np.ndarray, list[str]]


def wobble(events: Sequence[Event], bar_s: float, start_s: float, frames: int) -> np.ndarray:
    """What the bass does in each frame from `start_s` on, int8 [frames]: 0, or rate * PHASES + phase + 1."""
    time = start_s + np.arange(frames) / synth.FRAME_RATE
    found = np.zeros(frames, np.int8)
    for event in events:
        if event.lfo_hz:
            rate = common.wobble_class(event.lfo_hz, bar_s)
            phase = ((time - event.start_s) * event.lfo_hz % 1 * PHASES).astype(int)
            sounds = (time >= event.start_s) & (time < event.start_s + event.length_s)
            found = np.where(sounds, rate * PHASES + phase + 1, found).astype(np.int8)
    return found


def encode(index: int, p: dict, codec: Path) -> list[Row]:
    """(codes int16 [K, T], frames of a bar, wobble int8 [T], texts) of the views of a song, as loud as the pipeline.

    They begin where its intro ends, which is where a bar begins: bars begin at whole multiples of their length.
    """
    rng = common.step_rng("tokens", index)
    names = list(synth.STYLES)
    name = names[index % len(names)]
    seconds = p["seconds"][synth.STYLES[name].genre]
    song = synth.song(p["seed"], name, index // len(names), seconds, p["palette"])
    stems = {name: wave.mean(0, keepdims=True) for name, wave in song.stems.items()}
    views = {name: VIEWS[name](stems, synth.SAMPLE_RATE, False) for name in ("mix", *PARTS)}
    gain, _ = track_gain(views["mix"], views.values(), synth.SAMPLE_RATE, common.TARGET)
    track = Track(id=str(index), file_path="", **song.info)
    wanted = ["mix"]
    if rng.random() < 1 / 3:
        wanted.append(PARTS[rng.integers(len(PARTS))])
    start_s = next(begin for name, begin, _ in song.sections if name != "intro")
    bar = round(song.bar_s * synth.FRAME_RATE)
    found = []
    for view in wanted:
        wav = views[view][:, int(start_s * synth.SAMPLE_RATE) :] * np.float32(10 ** (gain.gain_db / 20))
        if np.abs(wav).max() > 0.01:
            codes = codecs.encode(common.load_codec(codec)[0], wav)
            moves = wobble(song.events if view != "drums" else (), song.bar_s, start_s, codes.shape[1])
            found.append((codes, bar, moves, wording.texts(track, view, p["wordings"], rng)))
    drop = first_drop(song.sections, start_s) if track.genre == "dubstep" else slice(0)
    codes, _, moves, _ = found[0]
    if codes[:, drop].shape[1] >= common.FRAMES:
        found.append((codes[:, drop], bar, moves[drop], wording.texts(track, "drops", p["wordings"], rng)))
    return found


def first_drop(sections: Sequence[tuple[str, float, float]], start_s: float) -> slice:
    """Frames, counted from `start_s`, of a song's first drop; none where it has no drop."""
    spans = ((begin, end) for name, begin, end in sections if name == "drop")
    begin, end = next(spans, (start_s, start_s))
    return slice(round((begin - start_s) * synth.FRAME_RATE), round((end - start_s) * synth.FRAME_RATE))


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--codec", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("tokens")
    made = parallel_map(partial(encode, p=p, codec=given.codec), range(p["songs"]), "encoding")
    rows = [row for song in made for row in song]
    codes, bars, moves, texts = zip(*rows, strict=True)
    arrays = {name: [torch.from_numpy(a) for a in found] for name, found in (("codes", codes), ("wobbles", moves))}
    torch.save({**arrays, "bars": list(bars), "texts": list(texts)}, given.out)


if __name__ == "__main__":
    main()
