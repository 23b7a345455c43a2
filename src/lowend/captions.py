"""Captions from a template file whose wording is data, not code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from lowend.note_values import note
from lowend.seeds import rng
from lowend.tracks import Section, Track

TEMPLATE = Path("prompts/captions.yaml")

Pieces = tuple[str, ...]
"""A wording: parts of a sentence with at most one field each; a part whose field is unknown is left out."""


@dataclass(frozen=True, slots=True)
class CaptionConfig:
    """Section `caption` of params.yaml."""

    analysis: str
    kinds: tuple[str, ...]  # of KINDS; the first caption of a track is of the first kind
    variants: int  # captions of a track at most, 1 or more
    trigger: str  # put in front of every caption; "" for nothing
    audio_model: str  # folder or name of an audio language model that describes tracks; "" for none

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) < len(self.kinds) or not set(self.kinds) <= KINDS.keys():
            known = ", ".join(KINDS)
            raise ValueError(f"caption.kinds must list one or more of {known}, each once; got {list(self.kinds)}")
        if self.variants < 1:
            raise ValueError(f"caption.variants must be at least 1, got {self.variants}")
        if self.trigger != " ".join(self.trigger.split()):
            raise ValueError(f"caption.trigger must be words with single spaces between them, got {self.trigger!r}")


@dataclass(frozen=True, slots=True)
class Template:
    """The parsed template: the plain sentence, words for genres and note values, prefixes of views, more wordings."""

    pieces: Pieces
    genres: dict[str, str]
    wobbles: dict[str, str]
    views: dict[str, str]
    plain: tuple[Pieces, ...]
    musicbench: tuple[Pieces, ...]
    lead: Pieces
    section: str


def load_template(path: Path = TEMPLATE) -> Template:
    """Read the template file."""
    raw = YAML(typ="safe").load(path)
    plain, musicbench = (tuple(tuple(pieces) for pieces in raw[kind]) for kind in ("plain", "musicbench"))
    return Template(
        pieces=tuple(raw["pieces"]),
        genres=dict(raw["genres"]),
        wobbles=dict(raw["wobbles"]),
        views=dict(raw["views"]),
        plain=plain,
        musicbench=musicbench,
        lead=tuple(raw["lead"]),
        section=raw["section"],
    )


def _fields(track: Track, template: Template) -> dict[str, str]:
    genre = template.genres.get(track.genre, track.genre)
    sub = track.sub_genre
    style = genre if not sub or sub == genre else f"{sub} {genre}"
    bpm = f"{track.bpm:.0f}" if track.bpm else ""
    return {
        "style": style,
        "bpm": bpm,
        "key": track.key,
        "chords": track.chords,
        "energy_level": track.energy_level,
        "instruments": track.instruments,
        "wobble": template.wobbles.get(note(track.wobble_hz, track.bpm), ""),
    }


def _say(pieces: Pieces, fields: Mapping[str, str]) -> str:
    """The pieces for which something is known; one without a field is always said."""
    known = []
    for piece in pieces:
        name = piece[piece.index("{") + 1 : piece.index("}")] if "{" in piece else ""
        if not name or fields[name]:
            known.append(piece.format(**fields))
    return "".join(known)


def caption(track: Track, template: Template) -> str:
    """The track's own caption, or the template's pieces for which something is known."""
    return track.caption or _say(template.pieces, _fields(track, template))


def _plain(track: Track, template: Template) -> list[str]:
    if track.caption:
        return [track.caption]
    fields = _fields(track, template)
    return [_say(pieces, fields) for pieces in (template.pieces, *template.plain)]


def _musicbench(track: Track, template: Template) -> list[str]:
    fields = _fields(track, template)
    own = track.caption if track.caption.endswith((".", "!", "?")) or not track.caption else f"{track.caption}."
    fields["lead"] = own or _say(template.lead, fields)
    return [_say(pieces, fields) for pieces in template.musicbench]


def _timed(track: Track, template: Template) -> list[str]:
    timeline = _timeline(track.sections, template)
    parts = ((text, timeline) if track.caption else (timeline, text) for text in _plain(track, template))
    return [" ".join(filter(None, pair)) for pair in parts]


def _timeline(sections: Sequence[Section], template: Template) -> str:
    """Every section with its whole seconds; one that rounds to nothing is left out."""
    spans = [(str(s["name"]), round(float(s["start"])), round(float(s["end"]))) for s in sections]
    return " ".join(template.section.format(name=n, start=a, end=b) for n, a, b in spans if a < b)


KINDS: dict[str, Callable[[Track, Template], list[str]]] = {
    "plain": _plain,
    "musicbench": _musicbench,
    "timed": _timed,
}
"""Every wording of a kind for a track, the usual one first."""


def variants(track: Track, template: Template, config: CaptionConfig, name: str) -> list[str]:
    """Up to `config.variants` captions that differ, fewer where the wordings run out.

    The first is the usual wording of the first kind; each of the others is drawn from a kind and then
    from its wordings, by (name, track, number). Nothing but the track's fields is said, and the same
    fields known means the same wordings drawn: replace tempo and key of a track, and its captions say
    the new ones in the same words. `track.caption` must be the user's own text, or empty.
    """
    pools = [list(dict.fromkeys(KINDS[kind](track, template))) for kind in config.kinds]
    texts = [pools[0][0]]
    for number in range(1, config.variants):
        left = [fresh for pool in pools if (fresh := [text for text in pool if text not in texts])]
        if not left:
            break
        draw = rng(name, track.id, number)
        pool = left[draw.integers(len(left))]
        texts.append(pool[draw.integers(len(pool))])
    return [f"{config.trigger}, {text}" if config.trigger else text for text in texts]


def for_view(text: str, view: str, template: Template) -> str:
    """The caption of one view of a track (`drums`, `drops`, …)."""
    return template.views[view.split("-")[0]] + text
