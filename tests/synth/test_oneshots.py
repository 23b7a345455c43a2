"""One-shots: names that tell a drum, waves that start with the hit, draws that stay, and levels that hold."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.errors import Unusable
from lowend.seeds import rng
from lowend.synth import drums, oneshots
from lowend.synth.dsp import SAMPLE_RATE, Wave, to_level
from lowend.synth.events import DRUM_PARTS, Event
from lowend.synth.oneshots import Shot, draw, load, part_of
from lowend.synth.render import render
from lowend.synth.song import song
from lowend.synth.sound import draw as draw_sound

STYLES = ("boom bap", "trap", "lo-fi", "drill", "phonk", "dubstep", "riddim", "brostep", "house", "ambient")


def ping(hz: float, seconds: float, rate: int = SAMPLE_RATE, decay_s: float = 0.05) -> Wave:
    """A tone [S] that starts at its loudest and dies away."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.cos(2 * np.pi * hz * t) * np.exp(-t / decay_s)).astype(np.float32)


def pitch_hz(wave: Wave) -> float:
    mono = np.atleast_2d(wave).mean(0)
    return float(np.abs(np.fft.rfft(mono, 4 * SAMPLE_RATE)).argmax() / 4)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("kick", "bd_808.flac BD0000.WAV drum_heavy_kick.flac drum_bass_hard.flac 'Kick 01.wav' kicks/01.wav"),
        ("snare", "sn_dub.flac SD7550.WAV elec_hi_snare.flac '01 snare.wav' drum_snare_soft.flac"),
        ("clap", "clap.ogg 'CP 02.wav' Claps/a.wav"),
        ("hat", "hat_bdu.flac CH.wav ClosedHat2.wav drum_cymbal_closed.flac drum_cymbal_pedal.flac"),
        ("open_hat", "OH_1.wav 'Hi-Hat Open.wav' HHOpen.wav openhat3.wav hats/open.ogg drum_cymbal_open.flac"),
        ("rim", "'rim shot.wav' RS.wav"),
        ("tom", "LT00.wav drum_tom_hi_hard.flac Toms/1.wav"),
        ("ride", "ride_tri.flac"),
        ("crash", "'crash 1.wav' drum_splash_hard.flac CY0010.WAV"),
        ("shaker", "shakers/x.wav maracas.wav"),
        (None, "loop_amen.flac kick_loop.wav Loops/kick.wav drum_roll.flac snare_fill_2.wav arovane_beat_a.flac"),
        (None, "bass_hit_c.flac chord.wav guit_em9.flac drum_cowbell.flac kickstarter.wav elec_ma.wav 808.wav"),
    ],
)
def test_a_name_tells_its_drum(part: str | None, names: str) -> None:
    spelt = shlex.split(names)
    assert {name: part_of(name) for name in spelt} == dict.fromkeys(spelt, part)


@given(name=st.text(min_size=1, max_size=30))
def test_any_name_tells_a_drum_or_none(name: str) -> None:
    assert part_of(name) in (None, *DRUM_PARTS)


@settings(max_examples=20, deadline=None)
@given(
    silence_s=st.floats(0, 2.5),
    length_s=st.floats(0.02, 3.0),
    rate=st.sampled_from([22_050, 32_000, 44_100, 96_000]),
    channels=st.sampled_from([1, 2]),
)
def test_a_sample_starts_with_its_hit_and_ends_within_two_seconds(
    tmp_path_factory: pytest.TempPathFactory, silence_s: float, length_s: float, rate: int, channels: int
) -> None:
    file = tmp_path_factory.mktemp("shots") / "kick.wav"
    wave = np.concatenate([np.zeros(round(silence_s * rate)), ping(440.0, length_s, rate, decay_s=1.0)])
    sf.write(file, np.repeat(wave[:, None], channels, 1), rate)
    hit = load(file)
    assert hit.dtype == np.float32 and hit.ndim == 1 and np.abs(hit).max() == pytest.approx(1)
    assert np.abs(hit[:64]).max() > 0.9, "within 2 ms"
    assert abs(len(hit) / SAMPLE_RATE - min(length_s, 2.0)) < 0.003 and abs(hit[-1]) < 0.01
    if length_s > 0.1:
        assert pitch_hz(hit) == pytest.approx(440.0, rel=0.02)


def test_hiss_before_the_hit_and_silence_after_it_are_cut(tmp_path: Path) -> None:
    hiss = 0.001 * rng("hiss").standard_normal(8000)
    sf.write(tmp_path / "sn.wav", np.concatenate([hiss, ping(300.0, 0.2), np.zeros(20_000)]), SAMPLE_RATE, "FLOAT")
    hit = load(tmp_path / "sn.wav")
    assert np.abs(hit[:64]).max() > 0.9 and len(hit) <= 0.2 * SAMPLE_RATE + 64


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros((8000, 1)), "its first 5 s peak at 0 of full scale"),
        (np.zeros((0, 1)), "no hit in it|unreadable"),
        (np.full((8000, 1), 1e-4), "peak at 0.0001 of"),
        (np.stack([ping(440.0, 0.2), -ping(440.0, 0.2)], 1), "peak at 0 of full scale in mono"),
        (np.concatenate([ping(440.0, 0.2), [np.nan]])[:, None], "peak at nan"),
        (np.concatenate([np.zeros(10 * SAMPLE_RATE), ping(440.0, 0.2)])[:, None], "its first 5 s"),
    ],
)
def test_a_file_without_a_hit_is_refused(tmp_path: Path, wave: np.ndarray, message: str) -> None:
    sf.write(tmp_path / "kick.wav", wave, SAMPLE_RATE, "FLOAT")
    with pytest.raises(Unusable, match=message):
        load(tmp_path / "kick.wav")


def test_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kick.wav").write_text("not audio at all\n" * 40)
    with pytest.raises(Unusable, match="unreadable"):
        load(tmp_path / "kick.wav")


@pytest.fixture
def shots(tmp_path: Path) -> list[Shot]:
    """Four kicks and a snare, each a tone of its own."""
    made = []
    for part, name, hz in [("kick", f"bd_{i}.wav", 100.0 + 50 * i) for i in range(4)] + [("snare", "sn.wav", 700.0)]:
        sf.write(tmp_path / name, ping(hz, 0.3), SAMPLE_RATE, "FLOAT")
        made.append(Shot(part, name, tmp_path / name))
    return made


def test_one_more_file_changes_only_the_songs_that_draw_it(shots: list[Shot]) -> None:
    few, more = ({v: draw(s, v)["kick"] for v in map(str, range(40))} for s in (shots[:3], shots[3::-1]))
    drawn = {round(pitch_hz(wave) / 10) for wave in more.values()}
    assert len(drawn) == 4, "every file is drawn by some song"
    changed = {v for v in few if not np.array_equal(few[v], more[v])}
    assert 2 <= len(changed) <= 20 and all(abs(pitch_hz(more[v]) - 250) < 5 for v in changed)


def test_a_drum_without_samples_is_not_drawn(shots: list[Shot]) -> None:
    assert draw([], "any") == {} and set(draw(shots, "any")) == {"kick", "snare"}


@pytest.mark.parametrize("part", DRUM_PARTS)
def test_a_sample_is_as_loud_as_the_drum_that_it_replaces(part: str) -> None:
    for style in STYLES:
        sound = draw_sound(rng("shots", style), style)
        kit = replace(sound.kit, room_level=0.0)
        own = drums.hit(kit, part)
        for sample in (ping(900.0, 0.3), ping(3000.0, 0.05, decay_s=0.01), ping(500.0, 2.0, decay_s=5.0)):
            played = drums.hit(kit, part, 0.0, sample / np.abs(sample).max())
            assert played.ndim == own.ndim and np.isfinite(played).all()
            ratio = loudest(played) / loudest(own)
            assert 0.4 < ratio < 1.03, (style, "a click is held back, nothing is louder")
            assert np.abs(played).max() < 2.05 * np.abs(own).max()
            if len(sample) > 0.1 * SAMPLE_RATE:
                assert ratio > 0.95, style


def loudest(wave: Wave) -> float:
    """RMS of the loudest 50 ms."""
    return float(np.abs(wave).max() / np.abs(to_level(wave, 1.0)).max())


def test_a_sample_plays_in_the_place_of_its_drum_and_of_no_other() -> None:
    sound = draw_sound(rng("shots"), "trap")
    sampled = replace(sound, shots={"kick": ping(880.0, 0.4)})
    kick, snare = (Event(part, 0.1, 0.1, 0.8) for part in ("kick", "snare"))
    own, played = (render([kick], s, SAMPLE_RATE, 0)["drums"] for s in (sound, sampled))
    assert pitch_hz(own) < 120 and pitch_hz(played) == pytest.approx(880, abs=5)
    assert np.abs(played[:, : 3200 - 1]).max() == 0 and np.abs(played[:, 3200:3260]).max() > 0.1, "at its time"
    same = [render([snare], s, SAMPLE_RATE, 0)["drums"] for s in (sound, sampled)]
    assert np.array_equal(*same)


def test_samples_change_the_sound_of_a_song_and_nothing_that_is_true_of_it(shots: list[Shot]) -> None:
    plain, sampled, again = (song(5, "riddim", 3, 8.0, 2, s) for s in ((), shots, shots[::-1]))
    assert not np.array_equal(plain.stems["drums"], sampled.stems["drums"])
    assert (plain.info, plain.events, plain.chords) == (sampled.info, sampled.events, sampled.chords)
    assert all(np.array_equal(sampled.stems[stem], again.stems[stem]) for stem in sampled.stems)
    assert np.abs(sampled.mix).max() <= 0.89


def test_songs_of_one_palette_share_their_samples(shots: list[Shot], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(oneshots, "draw", lambda found, voices: asked.append(voices) or {})
    for index in (0, 2, 1):
        song(5, "riddim", index, 8.0, 2, shots)
    assert asked[0] == asked[1] != asked[2]
