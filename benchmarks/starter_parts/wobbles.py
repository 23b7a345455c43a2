"""Do generated dubstep clips wobble at a rate that their tempo allows?

No prompt names a rate, so what is asked is what the synthesiser plays at the prompt's tempo: five
note values of it. A clip counts as right if its bass stem (the kit's separator makes it) is heard to
wobble within 15 % of one of them; a clip without a wobble counts as wrong, with or without a drop in it.
So many rates accept much: `by_chance` is the share of the rates that the ear listens for which would be
accepted too. The base's clips and unseen songs through the codec are judged in the same way beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lowend import kit as kits
from lowend import params
from lowend.audio import description
from lowend.clips import Clip
from lowend.synth.basslines import RATES
from lowend.workers import parallel_map
from starter_parts import codec, generation, separation, songs
from starter_parts.generation import Item
from starter_parts.table import Setup

TOLERANCE, STRICT = 0.15, 0.05
SONGS = 24
_LISTENED_HZ = (0.5, 13.0)
USUAL_BPM = 140.0  # where a prompt names no tempo


def allowed_hz(bpm: float) -> list[float]:
    """Rates that the synthesiser's basses wobble at, at a tempo."""
    return [cycles * bpm / 60 for cycles in RATES.values()]


def is_near(rate_hz: float, bpm: float, tolerance: float) -> bool:
    """Whether a rate is within a relative tolerance of one that the tempo allows."""
    return min(abs(rate_hz / allowed - 1) for allowed in allowed_hz(bpm)) <= tolerance


def by_chance(bpm: float, tolerance: float) -> float:
    """Share of the rates listened for, evenly spread in octaves, that would count as right."""
    rates = np.geomspace(*_LISTENED_HZ, 2000)
    return float(np.mean([is_near(rate, bpm, tolerance) for rate in rates]))


def _rate(kit: Path, backend: str, bpm_range: tuple[float, float], item: Item) -> float | None:
    """The rate at which the bass of a clip wobbles, None where it does not."""
    _, wav, rate = item
    if np.abs(wav).max() < 1e-3:
        return None
    stems = separation.by_kit(kit, np.repeat(wav.mean(0, keepdims=True), 2, axis=0))
    return description.describe({"mix": wav, **stems}, rate, backend, bpm_range).wobble_hz


def shares(rates: Sequence[float | None], tempi: Sequence[float]) -> dict[str, float]:
    """Over all clips: how many wobble at all, and how many within each tolerance of an allowed rate."""
    pairs = list(zip(rates, tempi, strict=True))
    found = {"wobbles": float(np.mean([rate is not None for rate in rates]))}
    for tolerance in (TOLERANCE, STRICT):
        right = [rate is not None and is_near(rate, bpm, tolerance) for rate, bpm in pairs]
        found[f"within_{tolerance:.0%}"] = float(np.mean(right))
    return {name: round(value, 4) for name, value in found.items()}


def _unseen(folder: Path, index: int) -> Item:
    """Eight seconds of an unseen dubstep song from its first drop on, through the codec."""
    names = songs.synth.sub_genres("dubstep")
    song = songs.synth.song(songs.SEED, names[index % len(names)], index, songs.SECONDS)
    rate = songs.synth.SAMPLE_RATE
    start = next(int(start_s * rate) for name, start_s, _ in song.sections if name == "drop")
    wav = songs.mono(song)[:, start : start + int(generation.SECONDS * rate)]
    return Clip("", "", "", float(song.info["bpm"]), "", 0), codec.round_trip(folder, wav)[0], rate


def judge(setup: Setup, items: Sequence[Item]) -> tuple[float, dict[str, object]]:
    """Share of clips with an allowed rate, and what it is to be compared with."""
    unpacked = kits.unpack(setup.kit / "musicgen")
    section = params.load("evaluate", "genres", path=setup.root / "params.yaml")
    low, high = section["genres"]["dubstep"]["bpm"]
    hear = partial(_rate, setup.kit, section["evaluate"]["analysis"], (float(low), float(high)))
    real = list(parallel_map(partial(_unseen, unpacked / "codec"), range(SONGS), "unseen drops"))
    sets = {
        "starter-full": items,
        "base": generation.of_model(setup, unpacked / "base", "dubstep"),
        "unseen_songs": real,
    }
    found = {}
    for name, clips in sets.items():
        rates = list(parallel_map(hear, clips, f"wobble, {name}"))
        found[name] = shares(rates, [clip.bpm or USUAL_BPM for clip, _, _ in clips])
    chance = {"by_chance": round(by_chance(USUAL_BPM, TOLERANCE), 4), "clips": len(items)}
    return found["starter-full"][f"within_{TOLERANCE:.0%}"], {**found, **chance}
