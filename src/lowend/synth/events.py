"""What composition hands to rendering: hits and notes, like MIDI, each with what its voice needs."""

from __future__ import annotations

from dataclasses import dataclass

STEMS = ("drums", "bass", "other")
DRUM_PARTS = ("kick", "snare", "clap", "rim", "hat", "open_hat", "shaker", "ride", "tom", "crash")
BASS_PARTS = ("bass", "sub")
OTHER_PARTS = ("chords", "pad", "pluck", "arp", "keys", "lead", "riser", "downlifter", "impact", "crackle")
STEM_OF = {
    **dict.fromkeys(DRUM_PARTS, "drums"),
    **dict.fromkeys(BASS_PARTS, "bass"),
    **dict.fromkeys(OTHER_PARTS, "other"),
}
LFO_SHAPES = ("sine", "triangle", "saw", "ramp", "square")


@dataclass(frozen=True, slots=True)
class Event:
    """One hit or note. Two events that differ in `start_s` and `velocity` alone sound the same but for level."""

    part: str  # a key of STEM_OF
    start_s: float
    length_s: float  # of the key press; a drum rings as its kit says
    velocity: float  # 0..1; 0.8 is a normal hit
    pitch: float = 0.0  # MIDI note; 0 for what has none
    glide: float = 0.0  # semitones that the pitch slides by in the note's last third
    lfo_hz: float = 0.0  # rate of the filter's LFO (wobble); 0: no LFO
    lfo_shape: str = ""  # one of LFO_SHAPES, "" without LFO
