"""Do generated drops wobble at the rate that their prompts name?

Prompts are the pipeline's for dubstep, worded as captions of drops are. The kit's ear hears the mix at the
prompt's tempo. A clip counts as right within 15 % of the rate asked for (dotted eighths and triplets of
quarters are nearer than that), and exactly right where the note value is the same; a clip without a wobble
is wrong. Beside it the base's clips; unseen songs through the codec, whose share is the most that a model
can reach; and `by_chance`, each clip held against all others' prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from lowend import captions, clips
from lowend import kit as kits
from lowend.clips import Clip
from lowend.metrics.adherence import WOBBLE_TOLERANCE
from lowend.models import wobbles
from lowend.note_values import note
from lowend.workers import parallel_map
from starter_parts import codec, generation, songs
from starter_parts.generation import Item
from starter_parts.table import Setup

SONGS, SONG_S = 60, 24.0  # whose drops last as long as a clip

_ear = lru_cache(maxsize=1)(wobbles.load)


def _hear(kit: Path, item: Item) -> float | None:
    """The rate at which the bass of a clip wobbles, None where it does not."""
    clip, wav, rate = item
    return wobbles.rate_hz(_ear(kit / "tagger"), wav, rate, clip.bpm) if clip.bpm else None


def shares(heard: Sequence[float | None], asked: Sequence[float], tempi: Sequence[float]) -> dict[str, float]:
    """Over all clips: how many wobble at all, are right within 15 %, and have the very note value; and by chance."""
    near = np.array([[hz is not None and abs(hz / other - 1) <= WOBBLE_TOLERANCE for other in asked] for hz in heard])
    others = near[~np.eye(len(near), dtype=bool)]
    exact = [note(hz, bpm) == note(a, bpm) for hz, a, bpm in zip(heard, asked, tempi, strict=True)]
    found = {
        "wobbles": float(np.mean([hz is not None for hz in heard])),
        "within_15%": float(near.diagonal().mean()),
        "exact": float(np.mean(exact)),
        "by_chance": float(others.mean()),
    }
    return {name: round(value, 4) for name, value in found.items()}


def _unseen(folder: Path, index: int) -> Item:
    """Eight seconds of an unseen dubstep song from its first drop on, through the codec."""
    names = songs.synth.sub_genres("dubstep")
    song = songs.synth.song(songs.SEED, names[index % len(names)], index, SONG_S)
    rate = songs.synth.SAMPLE_RATE
    start_s = next(start_s for name, start_s, _ in song.sections if name == "drop")
    start = int(start_s * rate)
    wav = songs.mono(song)[:, start : start + int(generation.SECONDS * rate)]
    clip = Clip("", "", "", float(song.info["bpm"]), "", 0, "drop", song.wobble_hz[0])
    return clip, codec.round_trip(folder, wav)[0], rate


def drops(setup: Setup, model: Path) -> list[Item]:
    """A clip of a checkpoint folder for each of dubstep's prompts that names a rate and a tempo, as a drop."""
    template = captions.load_template(setup.root / captions.TEMPLATE)
    asked = [p for p in clips.read_prompts(setup.root / "prompts/dubstep.csv", setup.clips) if p.wobble_hz and p.bpm]
    prompts = [replace(p, text=captions.for_view(p.text, "drops", template), structure="drop") for p in asked]
    return generation.of_model(setup, model, prompts, "dubstep drops")


def judge(setup: Setup, model: Path) -> tuple[float, dict[str, object]]:
    """Share of a model's drops that wobble at the rate asked for, and what it is to be compared with."""
    unpacked = kits.unpack(setup.kit / "musicgen")
    sets = {
        "starter-full": drops(setup, model),
        "base": drops(setup, unpacked / "base"),
        "unseen_songs": list(parallel_map(partial(_unseen, unpacked / "codec"), range(SONGS), "unseen drops")),
    }
    found = {}
    for name, items in sets.items():
        heard = list(parallel_map(partial(_hear, setup.kit), items, f"wobble, {name}"))
        rates, tempi = zip(*((clip.wobble_hz or 0.0, clip.bpm or 0.0) for clip, _, _ in items), strict=True)
        found[name] = shares(heard, rates, tempi) | {"clips": len(items)}
    return found["starter-full"]["within_15%"], dict(found)
