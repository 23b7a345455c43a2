"""What is said of a song: the pipeline's captions in all their wordings, and people's own words."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from ruamel.yaml import YAML

import common
from lowend import captions
from lowend.captions import CaptionConfig
from lowend.note_values import note
from lowend.tracks import Track

PARAPHRASES = common.HERE / "paraphrases.yaml"
_WORDINGS = CaptionConfig("", ("plain", "musicbench"), 8, "", "")


@lru_cache(maxsize=1)
def _paraphrases() -> dict:
    return YAML(typ="safe").load(PARAPHRASES)


@lru_cache(maxsize=1)
def template() -> captions.Template:
    """The pipeline's own, read once."""
    return captions.load_template(common.HERE.parents[1] / captions.TEMPLATE)


def paraphrase(track: Track, rng: np.random.Generator) -> str:
    """A text in somebody's own words that is true of the track."""
    words = _paraphrases()
    rate = template().wobbles.get(note(track.wobble_hz, track.bpm), "")
    forms = words["forms"] + (words["wobbling"] if rate else [])
    form, style, mood = (
        pool[rng.integers(len(pool))]
        for pool in (forms, words["styles"][track.sub_genre], words["moods"][track.sub_genre])
    )
    named = track.instruments.split(", ")
    some = " and ".join(named[: 1 + rng.integers(len(named))])
    return form.format(style=style, mood=mood, bpm=f"{track.bpm:.0f}", key=track.key, instruments=some, wobble=rate)


def texts(track: Track, view: str, count: int, rng: np.random.Generator) -> list[str]:
    """Texts of one view: first the pipeline's usual caption, then `count` other wordings, then `count` paraphrases."""
    form = template()
    bare = replace(track, caption="")
    usual, *others = captions.variants(bare, form, _WORDINGS, "starter")
    said = [usual, *others[:count], *(paraphrase(bare, rng) for _ in range(count))]
    return [captions.for_view(text, view, form) for text in said]
