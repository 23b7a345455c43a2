"""Encode fresh songs into the corpus that the starter's language model learns from.

By hand: python tokens.py --codec work/codec.pt --out work/tokens.pt
Each song gives its mix and, one time in three, one view of its stems, with the pipeline's captions.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch

import common
from lowend import captions
from lowend.audio.loudness import Target, track_gain
from lowend.audio.views import build_views
from lowend.models import codec as codecs
from lowend.sources import synth
from lowend.tracks import Track
from lowend.workers import parallel_map


def encode(index: int, p: dict, codec: Path) -> list[tuple[np.ndarray, str]]:
    """(codes int16 [K, T], caption) of the views of one song."""
    template = captions.load_template(common.HERE.parents[1] / captions.TEMPLATE)
    rng = common.step_rng("tokens", index)
    names = list(synth.STYLES)
    song = synth.song(p["seed"], names[index % len(names)], index, p["seconds"])
    stems = {name: wave.mean(0, keepdims=True) for name, wave in song.stems.items()}
    views = build_views(stems, vocals=False)
    gain, _ = track_gain(views["mix"], views.values(), synth.SAMPLE_RATE, Target(-16.0, -1.5, limiter=False, lra=0.0))
    text = captions.caption(Track(id="", file_path="", **{**song.info}), template)
    wanted = ["mix"]
    if rng.random() < 1 / 3:
        wanted.append(["drums", "bass", "bass_drums"][rng.integers(3)])
    found = []
    for view in wanted:
        wav = views[view] * np.float32(10 ** (gain.gain_db / 20))
        if np.abs(wav).max() > 0.01:
            found.append((codecs.encode(common.load_codec(codec)[0], wav), captions.for_view(text, view, template)))
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
        {"codes": [torch.from_numpy(codes) for codes, _ in rows], "texts": [text for _, text in rows]},
        given.out,
    )


if __name__ == "__main__":
    main()
