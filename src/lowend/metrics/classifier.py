"""What tells genres and sub-genres apart: learned from the train tracks alone, and scored on the held-out ones.

The starter's tagger knows the synthesiser's sub-genres; this knows those of the tracks that are trained on. It is a
multinomial logistic regression on standardised embeddings, a row a window. Classes weigh the same, and within one
the tracks do; a track's or clip's class is the one with the highest mean probability over its windows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowend.errors import UserError
from lowend.metrics.absent import Absent, mark
from lowend.metrics.bootstrap import Estimate, interval, mean
from lowend.metrics.embedders import Embeddings
from lowend.tracks import write_json

VERSION = 1
LEAST = 2
"""Train tracks that a class needs: one track is a track, not a genre."""

_DIGITS = 9  # of what is written: the last ones of a double differ between processors
_ROUNDS = 1000
_ARRAYS = ("mean", "scale", "weights", "biases")
_LACKS = {
    "genre": "add tracks of another genre to `sources` in params.yaml",
    "sub_genre": "name more of the tracks' sub-genres in metadata.csv",
}


class Label(NamedTuple):
    """What a track is or a prompt asks for; `sub_genre` is empty where nobody said."""

    genre: str
    sub_genre: str


KINDS: Mapping[str, Callable[[Label], str]] = {
    "genre": lambda label: label.genre,
    "sub_genre": lambda label: f"{label.genre}/{label.sub_genre}" if label.sub_genre else "",
}
"""Two questions, and the class that a label is of in each; empty: of none."""


@dataclass(frozen=True, slots=True)
class Song:
    """A track's label and its embeddings [n, D]."""

    label: Label
    windows: Embeddings


@dataclass(frozen=True, slots=True)
class Head:
    """The answer to one question: classes [C], and of standardised embeddings weights [C, D] and biases [C]."""

    classes: tuple[str, ...]
    mean: NDArray[np.float64]  # [D]
    scale: NDArray[np.float64]  # [D]
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def hears(self, windows: Embeddings) -> str:
        """The class of a clip's embeddings [n, D]."""
        logits = (windows - self.mean) / self.scale @ self.weights.T + self.biases
        odds = np.exp(logits - logits.max(1, keepdims=True))
        probabilities = odds / odds.sum(1, keepdims=True)
        return self.classes[int(probabilities.mean(0).argmax())]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A head for each question that could be learned, why the others could not, and how well each does by genre."""

    embedder: str
    heads: Mapping[str, Head]
    reasons: Mapping[str, str]
    own: Mapping[str, Mapping[str, Estimate]]  # share right of a genre's held-out tracks, of each kind


def learn(songs: Sequence[Song], kind: str) -> Head:
    """The head of a kind from train tracks; classes with fewer than `LEAST` of them are left out.

    Raises:
        Absent: fewer than two classes are left, or the embedder hears nothing.
    """
    from sklearn.linear_model import LogisticRegression

    if songs and not any(len(song.windows) for song in songs):
        raise Absent("`evaluate.embedder` hears nothing of the train tracks")
    counts = Counter(KINDS[kind](song.label) for song in songs)
    classes = sorted(name for name, count in counts.items() if name and count >= LEAST)
    if len(classes) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()) if name) or "none"
        raise Absent(
            f"to tell {kind}s apart takes two with at least {LEAST} train tracks each, and there are {found}: "
            f"{_LACKS[kind]}"
        )
    known = [song for song in songs if KINDS[kind](song.label) in classes]
    names = [KINDS[kind](song.label) for song in known]
    windows = np.concatenate([song.windows for song in known])
    each = [len(song.windows) for song in known]
    shares = [len(known) / (len(classes) * counts[name] * n) for name, n in zip(names, each, strict=True)]
    center, spread = windows.mean(0), windows.std(0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(max_iter=_ROUNDS)
    model.fit((windows - center) / spread, np.repeat(names, each), sample_weight=np.repeat(shares, each))
    weights, biases = model.coef_, model.intercept_
    if len(classes) == 2:  # scikit-learn then keeps the second class's alone
        weights, biases = np.concatenate([0 * weights, weights]), np.concatenate([0 * biases, biases])
    return Head(tuple(classes), *(np.round(array, _DIGITS) for array in (center, spread, weights, biases)))


def answers(head: Head, kind: str, songs: Sequence[Song]) -> list[tuple[str, str]]:
    """(what it is, what is heard) of every song whose class the head knows."""
    asked = [(KINDS[kind](song.label), song) for song in songs]
    return [(name, head.hears(song.windows)) for name, song in asked if name in head.classes]


def right(pairs: Sequence[tuple[str, str]], resamples: int, name: str) -> Estimate:
    """Share of pairs whose two sides are one, with its interval over tracks."""
    return mean([float(asked == heard) for asked, heard in pairs], resamples, name)


def balanced(pairs: Sequence[tuple[str, str]], resamples: int, name: str) -> Estimate:
    """Mean over classes of the share right of each, with its interval over tracks."""
    asked = np.array([pair[0] for pair in pairs])
    hits = np.array([float(a == b) for a, b in pairs])

    def over_classes(chosen: NDArray[np.intp]) -> float:
        return float(np.mean([hits[chosen][asked[chosen] == one].mean() for one in np.unique(asked[chosen])]))

    return interval(over_classes, len(pairs), resamples, name)


def _scores(kind: str, head: Head, train: Sequence[Song], held_out: Sequence[Song], resamples: int) -> dict[str, Any]:
    """A head's own figures on the held-out tracks, and those of always saying what most train tracks are.

    Raises:
        Absent: no held-out track is of a class that the head knows.
    """
    pairs = answers(head, kind, held_out)
    if not pairs:
        raise Absent(f"no held-out track is of one of {', '.join(head.classes)}: raise split.valid and split.test")
    known = Counter(name for name in (KINDS[kind](song.label) for song in train) if name in head.classes)
    commonest = max(sorted(known), key=lambda name: known[name])
    confusion: dict[str, Counter[str]] = {name: Counter() for name in sorted({asked for asked, _ in pairs})}
    for asked, heard in pairs:
        confusion[asked][heard] += 1
    return {
        **right(pairs, resamples, f"classifier/{kind}").as_metrics(f"{kind}_right"),
        **balanced(pairs, resamples, f"classifier/{kind}").as_metrics(f"{kind}_balanced"),
        f"{kind}_commonest": round(float(np.mean([asked == commonest for asked, _ in pairs])), 4),
        f"{kind}_tracks": float(len(pairs)),
        f"{kind}_classes": float(len(head.classes)),
        f"{kind}_confusion": confusion,
    }


def build(
    embedder: str, train: Sequence[Song], held_out: Sequence[Song], resamples: int
) -> tuple[Classifier, dict[str, Any]]:
    """Learn from the train tracks, then score on the held-out ones; what cannot be had is marked in the figures."""
    heads: dict[str, Head] = {}
    reasons: dict[str, str] = {}
    own: dict[str, dict[str, Estimate]] = {}
    figures: dict[str, Any] = {"train_tracks": float(len(train)), "real_tracks": float(len(held_out))}
    for kind in KINDS:
        try:
            head = learn(train, kind)
            figures |= _scores(kind, head, train, held_out, resamples)
        except Absent as reason:
            reasons[kind] = str(reason)
            figures |= mark(f"{kind}_right")
            continue
        heads[kind] = head
        own[kind] = {}
        for genre in sorted({song.label.genre for song in held_out}):
            pairs = answers(head, kind, [song for song in held_out if song.label.genre == genre])
            if pairs:
                own[kind][genre] = right(pairs, resamples, f"classifier/{kind}/{genre}")
    return Classifier(embedder, heads, reasons, own), figures


def write(path: Path, made: Classifier) -> None:
    """Write a classifier: the same, the same bytes."""
    heads = {
        kind: {"classes": head.classes, **{name: getattr(head, name).tolist() for name in _ARRAYS}}
        for kind, head in made.heads.items()
    }
    own = {kind: {genre: one._asdict() for genre, one in found.items()} for kind, found in made.own.items()}
    told = {"version": VERSION, "embedder": made.embedder, "heads": heads, "reasons": dict(made.reasons), "own": own}
    write_json(path, told)


def read(path: Path, embedder: str) -> Classifier:
    """Read a classifier that learned from embeddings of `embedder`.

    Raises:
        UserError: the file is missing, of another version, or of another embedder.
    """
    remedy = "run `dvc repro classifier`"
    try:
        told = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} not found: {remedy}") from None
    if told.get("version") != VERSION:
        raise UserError(f"{path} is of version {told.get('version')}, and {VERSION} is read: {remedy}")
    if told["embedder"] != embedder:
        raise UserError(f"{path} hears by {told['embedder']}, and `evaluate.embedder` is {embedder}: {remedy}")
    heads = {
        kind: Head(tuple(head["classes"]), *(np.array(head[name]) for name in _ARRAYS))
        for kind, head in told["heads"].items()
    }
    own = {kind: {genre: Estimate(**one) for genre, one in found.items()} for kind, found in told["own"].items()}
    return Classifier(embedder, heads, told["reasons"], own)
