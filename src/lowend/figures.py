"""What an evaluation's figures are called, and when a difference is more than chance."""

from __future__ import annotations

SHARES = (
    ("genre_probability", "probability of the genre"),
    ("classified_genre_right", "genre right, by the classifier"),
    ("classified_sub_genre_right", "sub-genre right, by the classifier"),
    ("tempo_right", "tempo right"),
    ("key_right", "key right"),
    ("key_within_a_fifth", "key within a fifth"),
    ("structure_right", "part of a track right"),
    ("instruments_right", "drums and bass heard where named"),
)
"""Shares of clips, and what a reader is told that they are; the higher, the better."""

DESCRIPTIONS = (
    ("low_share", "power in 20–200 Hz"),
    ("musicnn_hip_hop", "musicnn's tag hip-hop"),
    ("musicnn_electronic", "musicnn's tag electronic"),
)
"""Shares of which neither more nor less is better."""

WHOLE_DISTANCES = (("fad", "FAD", 2), ("mmd", "MMD", 4))
"""Distances of whole clips to real music, and the digits that mean something; the lower, the better."""

DISTANCES = (
    *WHOLE_DISTANCES,
    ("low_fad", "FAD of 20–200 Hz", 2),
    ("drums_fad", "FAD of the drums", 2),
    ("bass_fad", "FAD of the bass", 2),
)
"""And those of parts of the sound, where `evaluate.parts` asks for them."""


def verdict(low: float, high: float) -> tuple[str, str]:
    """What the interval of a difference says where lower is better, and the tone to say it in."""
    if low <= 0 <= high:
        return "within noise", "soft"
    return ("better", "good") if high < 0 else ("worse", "bad")
