"""Encode fresh songs into the corpus that the starter's language model learns from.

By hand: python tokens.py --codec work/codec.pt --out work/tokens.pt
Each song gives its mix and, one time in three, one view of its stems; each view has its captions.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch

import common
import wording
from lowend.audio.loudness import Target, track_gain
from lowend.audio.views import VIEWS
from lowend.models import codec as codecs
from lowend.synth import song as synth
from lowend.tracks import Track
from lowend.workers import parallel_map

PARTS = ("drums", "bass", "bass_drums")
TARGET = Target(-16.0, -1.5, limiter=False, lra=0.0)


def encode(index: int, p: dict, codec: Path) -> list[tuple[np.ndarray, list[str]]]:
    """(codes int16 [K, T], texts) of the views of one song without its intro, at the loudness of the pipeline."""
    rng = common.step_rng("tokens", index)
    names = list(synth.STYLES)
    song = synth.song(p["seed"], names[index % len(names)], index // len(names), p["seconds"], p["palette"])
    stems = {name: wave.mean(0, keepdims=True) for name, wave in song.stems.items()}
    views = {name: VIEWS[name](stems, synth.SAMPLE_RATE, False) for name in ("mix", *PARTS)}
    gain, _ = track_gain(views["mix"], views.values(), synth.SAMPLE_RATE, TARGET)
    track = Track(id=str(index), file_path="", **song.info)
    wanted = ["mix"]
    if rng.random() < 1 / 3:
        wanted.append(PARTS[rng.integers(len(PARTS))])
    start = next(int(begin * synth.SAMPLE_RATE) for name, begin, _ in song.sections if name != "intro")
    found = []
    for view in wanted:
        wav = views[view][:, start:] * np.float32(10 ** (gain.gain_db / 20))
        if np.abs(wav).max() > 0.01:
            texts = wording.texts(track, view, p["wordings"], rng)
            found.append((codecs.encode(common.load_codec(codec)[0], wav), texts))
    return found


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--codec", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("tokens")
    made = parallel_map(partial(encode, p=p, codec=given.codec), range(p["songs"]), "encoding")
    rows = [row for song in made for row in song]
    torch.save(
        {"codes": [torch.from_numpy(codes) for codes, _ in rows], "texts": [texts for _, texts in rows]},
        given.out,
    )


if __name__ == "__main__":
    main()
