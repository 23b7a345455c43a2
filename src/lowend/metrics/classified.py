"""How often the classifier hears in clips what their prompts asked for; its own accuracy stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lowend.metrics.absent import Absent, attempt, mark
from lowend.metrics.bootstrap import mean
from lowend.metrics.classifier import KINDS, Classifier, Label
from lowend.metrics.listening import Heard
from lowend.metrics.sound import is_silent


def labels(heard: Heard, genre: str) -> list[Label]:
    """What the prompts of clips of a genre ask for."""
    return [Label(genre, item.clip.sub_genre) for item in heard.items]


def hits(learned: Classifier, kind: str, asked: Sequence[Label], heard: Heard) -> list[float]:
    """1 where a clip is heard as what was asked for, 0 elsewhere and where it is silent or broken.

    Clips that ask for a class which the classifier does not know are left out.

    Raises:
        Absent: it does not know any of them, or could not learn.
    """
    if kind not in learned.heads:
        raise Absent(learned.reasons[kind])
    head = learned.heads[kind]
    named = [KINDS[kind](label) for label in asked]
    clips = zip(named, heard.items, heard.embedded, strict=True)
    found = [
        float(not (item.is_broken or is_silent(item.wav)) and head.hears(windows) == name)
        for name, item, windows in clips
        if name in head.classes
    ]
    if not found:
        wanted = ", ".join(sorted({name for name in named if name})) or "none"
        raise Absent(f"the prompts ask for {wanted}, and train tracks are of {', '.join(head.classes)}")
    return found


def compare(learned: Classifier, genre: str, mine: Heard, theirs: Heard, resamples: int, name: str) -> dict[str, float]:
    """Of clips of one genre: `classified_genre_right` and `classified_sub_genre_right`, marked where they are absent.

    `against_*` are those of `theirs`, `*_change` resample prompts, and `real_*` are of the genre's held-out tracks.
    """
    metrics: dict[str, float] = {}
    for kind in KINDS:
        figure = f"classified_{kind}_right"
        made = attempt(figure, partial(_pair, learned, kind, genre, mine, theirs))
        if made is None:
            metrics |= mark(figure)
            continue
        ours, others = made
        apart = [a - b for a, b in zip(ours, others, strict=True)]
        metrics |= mean(ours, resamples, f"{figure}/{name}").as_metrics(figure)
        metrics |= mean(others, resamples, f"{figure}/{name}").as_metrics(f"against_{figure}")
        metrics |= mean(apart, resamples, f"{figure}_change/{name}").as_metrics(f"{figure}_change")
        if genre in learned.own[kind]:
            metrics |= learned.own[kind][genre].as_metrics(f"real_{figure}")
    return metrics


def _pair(learned: Classifier, kind: str, genre: str, mine: Heard, theirs: Heard) -> tuple[list[float], list[float]]:
    ours, others = (hits(learned, kind, labels(heard, genre), heard) for heard in (mine, theirs))
    return ours, others
