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
from lowend.audio.loudness import track_gain
from lowend.audio.views import VIEWS
from lowend.models import codec as codecs
from lowend.synth import song as synth
from lowend.tracks import Track
from lowend.workers import parallel_map

PARTS = ("drums", "bass", "bass_drums")


def encode(index: int, p: dict, codec: Path) -> list[tuple[np.ndarray, int, list[str]]]:
    """(codes int16 [K, T], frames of a bar, texts) of the views of one song without its intro, as loud as the pipeline.

    Where the intro ends a bar begins, so bars begin at whole multiples of their length.
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
    start = next(int(begin * synth.SAMPLE_RATE) for name, begin, _ in song.sections if name != "intro")
    found = []
    for view in wanted:
        wav = views[view][:, start:] * np.float32(10 ** (gain.gain_db / 20))
        if np.abs(wav).max() > 0.01:
            texts = wording.texts(track, view, p["wordings"], rng)
            codes = codecs.encode(common.load_codec(codec)[0], wav)
            found.append((codes, round(song.bar_s * synth.FRAME_RATE), texts))
    return found


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--codec", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p = common.params("tokens")
    made = parallel_map(partial(encode, p=p, codec=given.codec), range(p["songs"]), "encoding")
    rows = [row for song in made for row in song]
    codes, bars, texts = zip(*rows, strict=True)
    torch.save({"codes": [torch.from_numpy(c) for c in codes], "bars": list(bars), "texts": list(texts)}, given.out)


if __name__ == "__main__":
    main()
