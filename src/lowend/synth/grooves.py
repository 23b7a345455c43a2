"""Drum patterns of every style, in a notation for bars.

A bar is four beats with spaces between them, and each beat is divided evenly by its characters: four
are sixteenths, three or six triplets, eight thirty-seconds. `X` is an accent, `x` a hit, `o` a soft
hit, `g` a ghost note, `.` a rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

LEVELS = {"X": 0.95, "x": 0.8, "o": 0.6, "g": 0.35}
REST = ".... .... .... ...."

Pair = tuple[str, str]
"""Patterns of odd and of even bars."""


@lru_cache(maxsize=512)
def hits(pattern: str) -> tuple[tuple[float, float], ...]:
    """Sixteenth 0..16 and velocity of every hit of a bar.

    Raises:
        ValueError: the pattern has no four beats, or holds another character.
    """
    beats = pattern.split()
    if len(beats) != 4 or not set(pattern) <= {*LEVELS, ".", " "}:
        raise ValueError(f"{pattern!r} is no bar of four beats of {' '.join(LEVELS)} and .")
    return tuple(
        (4 * beat + 4 * i / len(group), LEVELS[mark])
        for beat, group in enumerate(beats)
        for i, mark in enumerate(group)
        if mark != "."
    )


@dataclass(frozen=True, slots=True)
class Groove:
    """Patterns that a style's songs choose from; `turns` and `fills` replace bars, all others go on."""

    kicks: tuple[Pair, ...]
    snares: tuple[Pair, ...]
    back: tuple[str, ...]  # parts that play the snare's pattern together; ghost notes are the first one's
    hats: tuple[Pair, ...]
    turns: tuple[str, ...]  # the hats of every fourth bar
    opens: tuple[str, ...] = (".... .... .... ..x.",)  # open hats of even bars
    extras: tuple[tuple[str, str], ...] = ()  # part and pattern, of which a song chooses one
    fills: tuple[tuple[str, str, str], ...] = ()  # kick, snare and tom of the last bar of a section


_BACKBEAT = (".... X... .... X...", ".... X... .... X...")
_SHAKERS = (("shaker", "xgog xgog xgog xgog"), ("shaker", "..x. ..x. ..x. ..x."))
_HALF = (".... .... X... ....", ".... .... X... ....")

_DUSTY_FILLS = (
    ("X..x ..x. .... ....", ".... X... ..x. X.xx", REST),
    ("X... ...o x... ....", ".... X..g .... X.ox", ".... .... .... ..x."),
    ("X... ..x. .... ....", ".... X... x.x. ....", ".... .... .... x.xx"),
)
_TRAP_FILLS = (
    ("X... .... ..x. ....", ".... .... X... ..xx", REST),
    ("X... .... .... ....", ".... .... X... oxX.", REST),
    ("X... ..x. .... ....", ".... .... X... ....", ".... .... .... xxx."),
)
_DROP_FILLS = (
    ("X... .... .... ....", ".... .... X... xxxx", REST),
    ("X... .... .... ....", ".... .... X... ....", ".... .... ..x. x.xx"),
    ("X... ..x. .... ....", ".... .... X..x ..xx", REST),
)

GROOVES: dict[str, Groove] = {
    "boom bap": Groove(
        kicks=(
            ("X... ...o ..x. ....", "X... ...o ..x. ..o."),
            ("X..x .... ..xx ....", "X..x .... ..xx ...o"),
            ("X... ..x. .x.. ....", "X... ..x. .xx. ...."),
            ("X.x. .... .xx. ....", "X... ...x .xx. ...."),
        ),
        snares=(
            (".... X... .... X...", ".... X..g .... X..."),
            (".... X..g .g.. X...", ".... X..g .g.. X..g"),
            (".... X... ...g X...", ".... X... .g.g X..."),
        ),
        back=("snare",),
        hats=(
            ("X.x. X.x. X.x. X.x.", "X.x. X.x. X.x. X.x."),
            ("X.og X.x. X.og X.x.", "X.og X.x. X.og X.xg"),
            ("x.X. x.Xg x.X. x.Xg", "x.X. x.Xg x.X. xgX."),
        ),
        turns=("X.x. X.xg X.og X...", "X.xg X.x. Xgx. Xoxo"),
        extras=(("shaker", "g.og g.og g.og g.og"), ("rim", "...o .... ..o. ...."), ("ride", "x.o. x.o. x.o. x.o.")),
        fills=_DUSTY_FILLS,
    ),
    "lo-fi": Groove(
        kicks=(
            ("X... .... ..x. ....", "X... ...o ..x. ...."),
            ("X... ..o. ..x. ....", "X... ..o. ..x. ...o"),
            ("X..o .... ..x. ....", "X..o .... .xx. ...."),
        ),
        snares=(
            _BACKBEAT,
            (".... x... .... x..g", ".... x... .g.. x..."),
            (".... x..g .... x...", ".... x..g .... x..g"),
        ),
        back=("snare", "rim"),
        hats=(
            ("x.o. x.o. x.o. x.o.", "x.o. x.og x.o. x.o."),
            ("o.x. o.xg o.x. o.xg", "o.x. o.xg o.x. ogx."),
            ("x.og x.og x.og x.og", "x.og x.og x.og x.o."),
        ),
        turns=("x.o. x.og x.og x...", "x.og xgo. x.og xoog"),
        extras=(("shaker", "g.og g.og g.og g.og"), ("rim", ".... ...o .... ..o."), ("shaker", "..o. ..o. ..o. ..o.")),
        fills=_DUSTY_FILLS,
    ),
    "trap": Groove(
        kicks=(
            ("X... .... ..x. ....", "X... ..x. ..x. ...."),
            ("X... ..x. .... x...", "X... ..x. .... x.x."),
            ("X..x .... .... ..x.", "X..x .... ..x. ..x."),
            ("X.x. .... ..x. ..x.", "X... .... ..x. x..."),
        ),
        snares=(_HALF, _HALF, (".... .... X... ....", ".... .... X... ...g")),
        back=("snare", "clap"),
        hats=(
            ("X.x. x.x. X.x. x.x.", "X.x. x.x. X.x. xxx."),
            ("X.x. xxxx X.x. x.x.", "X.x. x.x. X.x. xxxx"),
            ("X.xx x.x. X.x. xxx.", "X.xx x.x. X.xx x.x."),
        ),
        turns=(
            "X.x. x.x. X.x. xoxoxoxo",
            "X.x. xxxxxx X.x. xox",
            "X.x. x.x. xoxoxo xoxoxo",
            "X.xx x.x. xoxoxoxo x.x.",
        ),
        opens=(".... .... .... ..x.", "..x. .... .... ....", ".... ..x. .... ...."),
        extras=(("rim", "...x .... ...x ..x."), ("shaker", "..x. ..x. ..x. ..x."), ("rim", ".... ..x. .... .x..")),
        fills=_TRAP_FILLS,
    ),
    "drill": Groove(
        kicks=(
            ("X... .... ...x ....", "X..x .... ..x. ...."),
            ("X..x .... .... ..x.", "X... ..x. .... ...x"),
            ("X... ..x. ...x ....", "X..x .... ...x ...."),
        ),
        snares=(
            (".... .... X... ....", ".... .... .... X..."),
            (".... .... X... ..g.", ".... .... ..g. X..."),
            (".... ..X. .... ..X.", ".... ..X. .... ..X."),
        ),
        back=("snare", "clap"),
        hats=(
            ("X..x ..x. X..x ..x.", "X..x ..x. X..x ..x."),
            ("X..x ..x. X.x. xxx", "X..x ..x. X..x ..x."),
            ("xxx x.x xxx x.x", "xxx x.x xxx xxx"),
        ),
        turns=("X..x ..x. xoxoxo X.x.", "X..x ..x. X..x xoxoxoxo", "xxx xxx xoxoxo xxx"),
        opens=(".... .... .... ..x.", ".... .... ..x. ...."),
        extras=(("rim", "...x ..x. ...x ..x."), ("rim", ".... ...x .... .x.."), ("shaker", "..x. ..x. ..x. ..x.")),
        fills=_TRAP_FILLS,
    ),
    "phonk": Groove(
        kicks=(
            ("X..x ..x. ..x. ....", "X..x ..x. ..x. ..x."),
            ("X... ..x. .xx. ....", "X... ..x. .xx. ...x"),
            ("X... x... X... x...", "X... x... X... x.x."),
        ),
        snares=(_BACKBEAT, _BACKBEAT, (".... X... .... X...", ".... X... .... X..g")),
        back=("clap", "snare"),
        hats=(
            ("X.x. X.x. X.x. X.x.", "X.x. X.x. X.x. X.x."),
            ("XoxoXoxo X.x. X.x. X.x.", "X.x. X.x. X.x. X.x."),
            ("Xoxo Xoxo Xoxo Xoxo", "Xoxo Xoxo Xoxo Xoxo"),
        ),
        turns=("X.x. X.x. X.x. xoxoxoxo", "X.x. Xoxo X.x. xox", "Xoxo Xoxo xoxoxo x.x."),
        opens=("..x. ..x. ..x. ..x.", ".... .... .... ..x."),
        extras=(("rim", "x..x ..x. x..x ..x."), *_SHAKERS),
        fills=_DUSTY_FILLS,
    ),
    "dubstep": Groove(
        kicks=(
            ("X... .... .... ....", "X... .... .... ..x."),
            ("X... ..x. .... ....", "X... ..x. .... ...."),
            ("X... .... .... x...", "X... ..x. .... x..."),
            ("X..x .... .... ....", "X..x .... .... ..x."),
        ),
        snares=(_HALF, (".... .... X... ...g", ".... .... X... ...."), (".... .... X..g ....", ".... .... X..g ..g.")),
        back=("snare", "clap"),
        hats=(
            ("x.x. ..x. ..x. x.x.", "x.x. ..x. ..x. x.x."),
            ("..x. ..x. ..x. ..x.", "..x. ..x. ..x. ..xo"),
            ("x..x ..x. ..ox ..x.", "x..x ..x. ..ox ..x."),
        ),
        turns=("x.x. ..x. ..x. xxx", "..x. ..x. ..xo xoxo", "x..x ..x. ..x. xoxoxo"),
        extras=(("shaker", "gxgx gxgx gxgx gxgx"), ("ride", "X... x... X... x..."), ("rim", "...x .... .... .x..")),
        fills=_DROP_FILLS,
    ),
    "riddim": Groove(
        kicks=(
            ("X... .... .... ....", "X... .... .... ...."),
            ("X... .... ...x ....", "X... .... ...x ...."),
            ("X... ..x. .... ....", "X... ..x. .... ..x."),
        ),
        snares=(_HALF,),
        back=("snare", "clap"),
        hats=(
            ("..x. ..x. ..x. ..x.", "..x. ..x. ..x. ..x."),
            ("x.x x.x x.x x.x", "x.x x.x x.x x.x"),
            ("X... x... X... x...", "X... x... X... x..."),
        ),
        turns=("..x. ..x. ..x. xxx", "x.x x.x x.x xxx", "X... x... X... xoxoxo"),
        extras=(("ride", "X... x... X... x..."), ("shaker", "..x. ..x. ..x. ..x.")),
        fills=_DROP_FILLS,
    ),
    "brostep": Groove(
        kicks=(
            ("X... .... .... ....", "X... ..x. .... ...."),
            ("X..x .... .... ..x.", "X..x .... .... ...."),
            ("X... ..xx .... ....", "X... ..xx .... ..x."),
            ("X... .... ..x. ....", "X... .... ..x. ..x."),
        ),
        snares=(_HALF, (".... .... X... ....", ".... .... X... ..gg")),
        back=("snare", "clap"),
        hats=(
            ("x.x. x.x. x.x. x.x.", "x.x. x.x. x.x. x.x."),
            ("X.ox x.x. X.ox x.x.", "X.ox x.x. X.ox x.x."),
            ("..x. ..x. ..x. ..x.", "..x. ..x. ..x. .xx."),
        ),
        turns=("x.x. x.x. x.x. xoxoxoxo", "X.ox x.x. xoxoxo xox", "..x. ..x. ..x. xxxx"),
        extras=(("ride", "X.x. X.x. X.x. X.x."), *_SHAKERS),
        fills=_DROP_FILLS,
    ),
    "house": Groove(
        kicks=(("X... X... X... X...", "X... X... X... X..."), ("X... X... X... X...", "X... X... X... X..o")),
        snares=(_BACKBEAT, (".... X... .... X...", ".... X..g .... X...")),
        back=("clap",),
        hats=(
            ("o... o... o... o...", "o... o... o... o..."),
            ("x..o x..o x..o x..o", "x..o x..o x..o x..o"),
        ),
        turns=("o... o... o... xoxo", "x..o x..o x..o xxox"),
        opens=("..x. ..x. ..x. ..x.",),
        extras=(("shaker", "xgog xgog xgog xgog"), ("rim", "x..x ..x. .x.. x..."), ("ride", "..x. ..x. ..x. ..x.")),
        fills=(
            ("X... X... X... ....", ".... X... .... X.xx", REST),
            ("X... X... X... X...", ".... X... ..x. X.x.", REST),
        ),
    ),
}
