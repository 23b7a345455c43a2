"""Songs as they sound: stems that sum, truths that hold in the audio, palettes, repeatable to the byte."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lowend.audio.analysis import key_name
from lowend.synth import song as synth
from lowend.synth import sound
from lowend.synth.events import STEM_OF
from lowend.tracks import Track

SECONDS = 8.0


@pytest.mark.parametrize("name", synth.STYLES)
def test_what_a_song_says_of_itself_is_true(name: str) -> None:
    song = synth.song(3, name, 1, SECONDS)
    length = song.mix.shape[1] / synth.SAMPLE_RATE
    assert set(song.stems) == set(synth.STEMS) and {s.shape for s in song.stems.values()} == {song.mix.shape}
    assert max(np.abs(w).max() for w in (song.mix, *song.stems.values())) <= 0.9
    assert np.isfinite(song.mix).all() and song.info["genre"] == synth.STYLES[name].genre
    assert length == song.info["duration"] == pytest.approx(len(song.downbeats) * song.bar_s)
    assert 240 / float(song.info["bpm"]) == pytest.approx(song.bar_s, rel=1e-4)
    assert song.downbeats == pytest.approx([n * song.bar_s for n in range(len(song.chords))])
    assert key_name(str(song.info["key"])) == song.info["key"]
    sections = json.loads(str(song.info["structure"]))
    assert [(s["name"], s["start"], s["end"]) for s in sections] == list(song.sections)
    assert sections[-1]["end"] == pytest.approx(length, abs=0.01)
    assert Track("1", "x", **song.info).genre == synth.STYLES[name].genre  # type: ignore[arg-type]


@pytest.mark.parametrize("name", synth.STYLES)
def test_a_seed_makes_one_song_and_the_next_another(name: str) -> None:
    first, again, other = (synth.song(seed, name, 3, SECONDS) for seed in (1, 1, 2))
    assert all(first.stems[stem].tobytes() == again.stems[stem].tobytes() for stem in synth.STEMS)
    assert (first.info, first.events) == (again.info, again.events)
    assert not np.array_equal(first.mix[:, :64_000], other.mix[:, :64_000])


def test_a_stem_sounds_where_its_events_are_and_nowhere_else() -> None:
    song = synth.song(5, "brostep", 0, 20.0)
    for name, start, end in song.sections:
        part = song.stems["bass"][:, int(start * synth.SAMPLE_RATE) : int(end * synth.SAMPLE_RATE)]
        level = float((part**2).mean())
        if name == "drop":
            assert level > 1e-3
        elif name in ("intro", "buildup"):
            assert level == 0
    for stem in synth.STEMS:
        first_s = min(e.start_s for e in song.events if STEM_OF[e.part] == stem)
        assert not song.stems[stem][:, : int(first_s * synth.SAMPLE_RATE)].any()


def test_energy_is_not_all_bass() -> None:
    for name in ("boom bap", "trap", "dubstep", "riddim"):
        mix = synth.song(6, name, 0, 10.0).mix.mean(0)
        power, hz = np.abs(np.fft.rfft(mix)) ** 2, np.fft.rfftfreq(len(mix), 1 / synth.SAMPLE_RATE)
        assert 0.15 < power[hz > 200].sum() / power.sum() < 0.9


def test_a_palette_shares_voices_and_keys_not_arrangements(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, drawn = sound.draw, []
    monkeypatch.setattr(sound, "draw", lambda rng, style: drawn.append(draw(rng, style)) or drawn[-1])
    shared, free = ([synth.song(0, "trap", n, SECONDS, palette) for n in range(6)] for palette in (1, 0))
    assert len({repr(voices) for voices in drawn[:6]}) == 1 and len({repr(voices) for voices in drawn[6:]}) == 6
    assert len({song.info["key"] for song in shared}) <= 3 < len({song.info["key"] for song in free})
    assert len({song.events for song in shared}) == 6


def test_palettes_take_turns() -> None:
    keys = [{synth.song(0, "drill", n, SECONDS, 2).info["key"] for n in range(p, 8, 2)} for p in (0, 1)]
    assert all(len(found) <= 3 for found in keys) and keys[0] != keys[1]


@pytest.mark.parametrize(
    ("name", "bass"),
    [("trap", "808 bass"), ("dubstep", "wobble bass"), ("riddim", "riddim bass"), ("brostep", "growl bass")],
)
def test_instruments_are_those_that_play(name: str, bass: str) -> None:
    song = synth.song(2, name, 0, 20.0)
    named = str(song.info["instruments"]).split(", ")
    assert named[:2] == ["drums", bass] and len(named) == len(set(named)) > 2
    parts = {event.part for event in song.events}
    for word, part in (("synth pads", "pad"), ("arpeggio", "arp"), ("synth plucks", "pluck"), ("synth lead", "lead")):
        assert word not in named or part in parts
    assert "drums" not in str(synth.song(2, "ambient", 0, SECONDS).info["instruments"])


def test_rates_and_swing_are_told_where_there_are_any() -> None:
    wobble, swung = synth.song(2, "dubstep", 0, 20.0), synth.song(2, "boom bap", 0, 20.0)
    assert {e.lfo_hz for e in wobble.events if e.lfo_hz} == set(wobble.wobble_hz)
    assert wobble.info["wobble_hz"] == round(wobble.wobble_hz[0], 2) and "swing" not in wobble.info
    told = str(wobble.info["synthesis_type"]).split("; wobble ")[1].removesuffix(" Hz").split("/")
    assert [float(rate) for rate in told] == [round(rate, 2) for rate in sorted(wobble.wobble_hz)]
    assert swung.info["swing"] == swung.swing > 0 and "wobble_hz" not in swung.info
    assert str(swung.info["synthesis_type"]).endswith(f"; swing {swung.swing:.2f}")


def test_a_style_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="polka"):
        synth.song(0, "polka", 0, SECONDS)
