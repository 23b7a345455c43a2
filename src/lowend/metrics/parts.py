"""Parts of the sound that have a FAD of their own: one of a mix does not say what in it is wrong.

Clips and real music are cut alike, by the same filter or the starter's separator, so what a cut leaves
behind is on both sides. The embedder hears the part alone, at the level that it has in the mix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowend import cache
from lowend.audio import lowband
from lowend.audio.io import Wave
from lowend.metrics import fad
from lowend.metrics.embedders import Embeddings
from lowend.workers import thread_map

STEMS = ("drums", "bass")
PARTS = ("low", *STEMS)
"""What `evaluate.parts` may name: 20-200 Hz, and stems."""

Embed = Callable[[Wave, int], Embeddings]


@dataclass(frozen=True, slots=True)
class Parts:
    """What clips' parts are held against: all windows [N, D] of each part of real music; `separator` is the kit's."""

    background: Mapping[str, Embeddings]
    separator: Path


def cut(wav: Wave, rate: int, wanted: Iterable[str], separator: Path) -> dict[str, tuple[Wave, int]]:
    """The wanted parts of [C, S], each with its Hz; Demucs is imported only for stems."""
    found = {"low": (lowband.bass_band(wav, rate), rate)} if "low" in wanted else {}
    if asked := [part for part in STEMS if part in wanted]:
        from lowend.metrics import stems

        made, stem_rate = stems.separate(wav, rate, separator)
        found |= {part: (made[part], stem_rate) for part in asked}
    return found


def embed(
    sounds: Iterable[tuple[Wave, int]], wanted: Iterable[str], ear: Embed, separator: Path
) -> dict[str, list[Embeddings]]:
    """Embeddings [n, D] of each wanted part of every sound (wav [C, S], Hz)."""
    asked = list(wanted)

    def hear(one: tuple[Wave, int]) -> dict[str, Embeddings]:
        return {part: ear(*heard) for part, heard in cut(*one, asked, separator).items()}

    heard = thread_map(hear, sounds)
    return {part: [one[part] for one in heard] for part in asked}


def sources(wanted: Iterable[str], separator: Path) -> list[str]:
    """Hashes of the code and weights that cut the parts."""
    if not set(STEMS) & set(wanted):
        return [cache.code(lowband)]
    from lowend.audio import separation
    from lowend.metrics import stems

    return [cache.code(lowband, separation, stems), cache.files(separator)]


def score(
    background: Mapping[str, Embeddings], clips: Mapping[str, Sequence[Embeddings]], resamples: int, name: str
) -> dict[str, float]:
    """`<part>_fad` with its interval, as `fad.score` has it.

    Raises:
        ValueError: there are too few windows.
    """
    metrics: dict[str, float] = {}
    for part, windows in background.items():
        metrics |= fad.score(windows, clips[part], resamples, f"{name}/{part}").as_metrics(f"{part}_fad")
    return metrics


def change(
    background: Mapping[str, Embeddings],
    after: Mapping[str, Sequence[Embeddings]],
    before: Mapping[str, Sequence[Embeddings]],
    resamples: int,
    name: str,
) -> dict[str, float]:
    """`<part>_fad_change`, paired as `fad.change` has it; below zero is better."""
    metrics: dict[str, float] = {}
    for part, windows in background.items():
        found = fad.change(windows, after[part], before[part], resamples, f"{name}/{part}")
        metrics |= found.as_metrics(f"{part}_fad_change")
    return metrics
