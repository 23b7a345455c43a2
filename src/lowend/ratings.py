"""Listeners' files of the blind test: read, merged into preference and ratings with intervals, and their agreement."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowend.errors import UserError
from lowend.metrics.bootstrap import Estimate
from lowend.seeds import rng

FORMAT = "lowend-ratings-1"
CRITERIA = ("genre", "quality", "creativity")
SIDES = ("model", "against")
LEAST_PAIRS = 5
"""Judged pairs of a page under which an interval would be noise."""

_PREFERENCE = {"model": 1.0, "neither": 0.5, "against": 0.0}
_NAMES = ("page", "clips", *SIDES, "listener")  # as in `Ratings`
_SCORES = range(1, 6)

Table = NDArray[np.float64]
"""[listeners, units], NaN where a listener did not judge a unit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a listener said of a pair: which side was heard first, which preferred, and both sides' scores, 1 to 5."""

    clip: int
    first: str
    preferred: str
    model: dict[str, int]
    against: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ratings:
    """One file: the page, the fingerprint of its clips, the two sides' names, and one listener's answers."""

    path: Path
    page: str
    clips: str
    model: str
    against: str
    listener: str
    answers: tuple[Answer, ...]


def read(path: Path) -> Ratings:
    """Read a file that the page saved.

    Raises:
        UserError: the file is missing, is no such file, or holds an answer that the page cannot have written.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name files that the listening page saved") from None
    except ValueError:
        raise UserError(f"{path} is not JSON: save the ratings again from the listening page") from None
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise UserError(f"{path} holds no ratings of the format {FORMAT}: save them again from the listening page")
    names = [name.strip() for key in _NAMES if isinstance(name := saved.get(key), str) and name.strip()]
    if len(names) < len(_NAMES) or not isinstance(saved.get("answers"), list):
        raise UserError(f"{path} lacks page, clips, model, against, listener or answers: save the ratings again")
    answers = tuple(_answer(said, f"{path}: answer {n}") for n, said in enumerate(saved["answers"], start=1))
    judged = [answer.clip for answer in answers]
    if not judged:
        raise UserError(f"{path} holds no answers: leave it out")
    if len(set(judged)) < len(judged):
        twice = next(clip for clip in judged if judged.count(clip) > 1)
        raise UserError(f"{path} judges prompt {twice} more than once: remove all but one of these answers")
    page, clips, model, against, listener = names
    return Ratings(path, page, clips, model, against, listener, answers)


def _answer(said: Any, where: str) -> Answer:
    if not isinstance(said, dict) or not _is_whole(said.get("clip")):
        raise UserError(f"{where} names no prompt by `clip`: remove the answer")
    if said.get("preferred") not in _PREFERENCE or said.get("first") not in SIDES:
        raise UserError(f"{where}: `preferred` must be one of {', '.join(_PREFERENCE)}, `first` model or against")
    for side in SIDES:
        scores = said.get(side)
        for name in CRITERIA:
            score = scores.get(name) if isinstance(scores, dict) else None
            if not _is_whole(score) or score not in _SCORES:
                raise UserError(f"{where}: `{side}.{name}` must be a whole number from 1 to 5, got {score!r}")
    scored = [{name: said[side][name] for name in CRITERIA} for side in SIDES]
    return Answer(said["clip"], said["first"], said["preferred"], *scored)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def merge(files: Sequence[Ratings], resamples: int) -> dict[str, dict[str, float]]:
    """Metrics of every page, by its name.

    Raises:
        UserError: two files are one listener's, files are of different versions of a page, or a page has
            too few judged pairs.
    """
    pages: dict[str, list[Ratings]] = defaultdict(list)
    for found in files:
        pages[found.page].append(found)
    return {page: _page(sorted(of, key=lambda r: r.listener), resamples) for page, of in sorted(pages.items())}


def _page(files: Sequence[Ratings], resamples: int) -> dict[str, float]:
    first = files[0]
    for before, found in pairwise(files):
        if before.listener.casefold() == found.listener.casefold():
            raise UserError(
                f"{before.path} and {found.path} are both {found.listener}'s of {found.page}: leave one out"
            )
    for found in files:
        if (found.clips, found.model, found.against) != (first.clips, first.model, first.against):
            raise UserError(
                f"{first.path} and {found.path} judge different versions of {found.page}: merge those of one version"
            )
    clips = sorted({answer.clip for found in files for answer in found.answers})
    if len(clips) < LEAST_PAIRS:
        raise UserError(f"{first.page} has {len(clips)} judged pairs, at least {LEAST_PAIRS} are needed: judge more")

    def table(value: Callable[[Answer], float]) -> Table:
        filled = np.full((len(files), len(clips)), np.nan)
        for row, found in enumerate(files):
            for answer in found.answers:
                filled[row, clips.index(answer.clip)] = value(answer)
        return filled

    prefers = table(lambda answer: _PREFERENCE[answer.preferred])
    metrics = {
        "listeners": float(len(files)),
        "pairs": float(len(clips)),
        "answers": float(np.isfinite(prefers).sum()),
        **interval(prefers, resamples, f"{first.page}/preference").as_metrics("preference"),
        **_agreement("preference", prefers),
        "first_preferred": round(float(np.nanmean(table(_prefers_first))), 4),
    }
    for name in CRITERIA:
        mine, theirs = (table(lambda answer, s=side, n=name: getattr(answer, s)[n]) for side in SIDES)  # type: ignore[misc]
        for title, values in ((name, mine), (f"against_{name}", theirs), (f"{name}_change", mine - theirs)):
            metrics |= interval(values, resamples, f"{first.page}/{title}").as_metrics(title)
        metrics |= _agreement(name, np.concatenate([mine, theirs], axis=1))
    return metrics


def _prefers_first(answer: Answer) -> float:
    if answer.preferred == "neither":
        return 0.5
    return float(answer.preferred == answer.first)


def interval(table: Table, resamples: int, name: str) -> Estimate:
    """Mean of a table with its 95 % interval, listeners and units both drawn anew.

    So the interval is about other listeners and other prompts; with one listener it is about other
    prompts alone. Drawing both is on the careful side (Owen, 2007).
    """
    draw = rng("ratings", name)
    listeners, units = table.shape
    means = []
    for _ in range(resamples):
        part = table[np.ix_(draw.integers(0, listeners, listeners), draw.integers(0, units, units))]
        if np.isfinite(part).any():
            means.append(float(np.nanmean(part)))
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(np.nanmean(table)), float(low), float(high), int(np.isfinite(table).any(0).sum()))


def _agreement(name: str, table: Table) -> dict[str, float]:
    found = alpha(table)
    return {} if found is None else {f"{name}_alpha": round(found, 4)}


def alpha(table: Table) -> float | None:
    """Krippendorff's alpha for ordered values: 1 is full agreement, 0 that of chance.

    None where no unit was judged by two listeners, or all say the same of everything: then nothing
    could have told agreement from chance (Krippendorff, Content Analysis, ch. 11).
    """
    units = [column[np.isfinite(column)] for column in table.T]
    pairable = [unit for unit in units if len(unit) > 1]
    values = np.unique(list(chain.from_iterable(pairable)))
    if len(values) < 2:
        return None
    coincidences = np.zeros((len(values), len(values)))
    for unit in pairable:
        counts = (unit[:, None] == values).sum(0).astype(float)
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = coincidences.sum(0)
    upto = np.cumsum(totals) - totals / 2
    distance = (upto[:, None] - upto[None]) ** 2  # ranks between two values, each end counted half
    expected = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    return float(1 - (coincidences * distance).sum() / (expected * distance).sum())
