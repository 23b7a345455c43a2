"""Forms: how many bars of which section a song has; phrases of four bars stay on a grid of four from the start."""

from __future__ import annotations

Form = tuple[tuple[str, int], ...]
"""Sections in order: name and bars."""

LEAST_BARS = 8
_PHRASE = 4

_DROPS: tuple[Form, ...] = (
    (("intro", 2), ("buildup", 2), ("drop", 4)),
    (("intro", 2), ("buildup", 2), ("drop", 8)),
    (("intro", 4), ("buildup", 4), ("drop", 8)),
    (("intro", 4), ("buildup", 4), ("drop", 12)),
    (("intro", 4), ("buildup", 4), ("drop", 16)),
    (("intro", 4), ("buildup", 8), ("drop", 16)),
    (("intro", 4), ("buildup", 4), ("drop", 8), ("breakdown", 4), ("buildup", 4), ("drop", 8)),
    (("intro", 4), ("buildup", 4), ("drop", 8), ("breakdown", 4), ("buildup", 4), ("drop", 8), ("outro", 4)),
)
_VERSES: tuple[Form, ...] = (
    (("verse", 4), ("hook", 4)),
    (("intro", 4), ("verse", 4), ("hook", 4)),
    (("intro", 4), ("verse", 8), ("hook", 4)),
    (("intro", 4), ("verse", 4), ("hook", 4), ("verse", 4), ("hook", 4)),
    (("intro", 4), ("verse", 8), ("hook", 4), ("verse", 4), ("hook", 4)),
    (("intro", 4), ("verse", 8), ("hook", 4), ("verse", 8), ("hook", 4)),
    (("intro", 4), ("verse", 8), ("hook", 4), ("verse", 8), ("hook", 4), ("outro", 4)),
)
_CLUB: tuple[Form, ...] = (
    (("verse", 8),),
    (("intro", 4), ("verse", 8)),
    (("intro", 4), ("verse", 8), ("breakdown", 4)),
    (("intro", 4), ("verse", 8), ("breakdown", 4), ("verse", 4)),
    (("intro", 4), ("verse", 8), ("breakdown", 4), ("verse", 8)),
)
_DRIFT: tuple[Form, ...] = ((("verse", 8),), (("intro", 4), ("verse", 8)))

# Which section gets the next four bars, in turn, once a song is longer than the longest form listed.
_GROWTH: dict[str, tuple[int, ...]] = {
    "drops": (2, 5, 1, 3, 4, 2, 5, 0),
    "verses": (1, 3, 2, 4),
    "club": (1, 3, 2),
    "drift": (1,),
}
FORMS: dict[str, tuple[Form, ...]] = {"drops": _DROPS, "verses": _VERSES, "club": _CLUB, "drift": _DRIFT}


def sections(form: str, bars: int) -> Form:
    """Sections that hold `bars` bars in all; what does not fill a phrase of four is the outro, or lengthens it.

    Raises:
        KeyError: the form is not one of `FORMS`.
        ValueError: there are fewer than eight bars.
    """
    if bars < LEAST_BARS:
        raise ValueError(f"a song has at least {LEAST_BARS} bars, got {bars}")
    names, lengths = zip(*max((f for f in FORMS[form] if _bars(f) <= bars), key=_bars), strict=True)
    phrases, rest = divmod(bars - sum(lengths), _PHRASE)
    grown = list(lengths)
    for n in range(phrases):
        grown[_GROWTH[form][n % len(_GROWTH[form])]] += _PHRASE
    if rest and names[-1] == "outro":
        return (*zip(names[:-1], grown[:-1], strict=True), ("outro", grown[-1] + rest))
    return (*zip(names, grown, strict=True), *((("outro", rest),) if rest else ()))


def _bars(form: Form) -> int:
    return sum(bars for _, bars in form)
