"""Captions from a template file whose wording is data, not code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from lowend.tracks import Track

TEMPLATE = Path("prompts/captions.yaml")


@dataclass(frozen=True, slots=True)
class Template:
    """The parsed template: pieces of a sentence, names of genres, prefixes of views."""

    pieces: tuple[str, ...]
    genres: dict[str, str]
    views: dict[str, str]


def load_template(path: Path = TEMPLATE) -> Template:
    """Read the template file."""
    raw = YAML(typ="safe").load(path)
    return Template(tuple(raw["pieces"]), dict(raw["genres"]), dict(raw["views"]))


def _fields(track: Track, template: Template) -> dict[str, str]:
    genre = template.genres.get(track.genre, track.genre)
    sub = track.sub_genre
    style = genre if not sub or sub == genre else f"{sub} {genre}"
    bpm = f"{track.bpm:.0f}" if track.bpm else ""
    return {
        "style": style,
        "bpm": bpm,
        "key": track.key,
        "energy_level": track.energy_level,
        "instruments": track.instruments,
    }


def caption(track: Track, template: Template) -> str:
    """The track's own caption, or the template's pieces for which something is known."""
    if track.caption:
        return track.caption
    fields = _fields(track, template)
    known = []
    for piece in template.pieces:
        name = piece[piece.index("{") + 1 : piece.index("}")]
        if fields[name]:
            known.append(piece.format(**fields))
    return "".join(known)


def for_view(text: str, view: str, template: Template) -> str:
    """The caption of one view of a track (`drums`, `drops`, …)."""
    return template.views[view.split("-")[0]] + text
