from __future__ import annotations

import io
from pathlib import Path

import media
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.audio import analysis, structure, views
from lowend.audio.inspect import Inspected, fingerprint, inspect
from lowend.audio.io import Unusable, decode, flac_bytes, read_flac, resample, set_channels
from lowend.audio.loudness import integrated_lufs, track_gain, true_peak_dbtp
from lowend.audio.separation import Separator, si_sdr_db
from lowend.errors import UserError
from lowend.sources import synth

RATE = 32000
KIT = Path(__file__).resolve().parents[2] / "starter/kit/separator"


def tone(hz: float, seconds: float = 3.0, level: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)[None]


def encoded(kind: str, wav: np.ndarray, rate: int = 48000, **tags: str) -> bytes:
    codec = {"mp3": "libmp3lame", "opus": "libopus", "mp4": "aac", "flac": "flac"}[kind]
    file = io.BytesIO()
    media.encode(file, "ogg" if kind == "opus" else kind, codec, wav, rate, **tags)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["mp3", "opus", "mp4", "flac"])
def test_formats_decode_to_what_was_put_in(kind: str) -> None:
    wav = tone(440, rate=48000)
    made, rate = decode(encoded(kind, wav))
    assert rate == 48000 and made.shape[0] == 2 and made.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(made[0]))
    assert np.argmax(spectrum) * rate / made.shape[1] == pytest.approx(440, abs=1)
    assert np.abs(made).max() == pytest.approx(0.5, abs=0.05)


def test_tags_that_are_not_utf8_do_not_matter() -> None:
    data = encoded("flac", tone(440, rate=48000), title="caf?").replace(b"caf?", b"caf\xe9")
    assert decode(data)[0].shape[1] > 48000


def wav_bytes(wav: np.ndarray, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    sf.write(file, wav.T, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


NAN = tone(100)
NAN[0, 5] = np.nan


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not audio at all" * 99, "unreadable"),
        (b"", "unreadable"),
        (encoded("mp3", tone(440, rate=48000))[:200], "unreadable|no audio|too short"),
        (wav_bytes(tone(100, seconds=1.0)), "too short: 1.00 s"),
        (wav_bytes(tone(100, level=1e-5)), "silent"),
        (wav_bytes(NAN), "NaN"),
    ],
)
def test_unusable_files_say_why(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        decode(data)
    (tmp_path / "x.wav").write_bytes(data)
    assert isinstance(inspect(tmp_path / "x.wav"), str)


def test_a_lossless_copy_has_the_same_fingerprint_and_another_id(tmp_path: Path) -> None:
    pcm = np.round(tone(220) * 32767).astype(np.int16)
    sf.write(tmp_path / "a.flac", pcm.T, RATE, subtype="PCM_16")
    sf.write(tmp_path / "b.wav", pcm.T, RATE, subtype="PCM_16")
    a, b = inspect(tmp_path / "a.flac"), inspect(tmp_path / "b.wav")
    assert isinstance(a, Inspected) and isinstance(b, Inspected)
    assert a.fingerprint == b.fingerprint and a.id != b.id
    assert fingerprint(tone(220)) != fingerprint(tone(220) * 0.9)


def test_flac_keeps_24_bits_and_refuses_to_clip() -> None:
    wav = tone(220)
    made, rate = read_flac(flac_bytes(wav, RATE))
    assert rate == RATE and np.abs(made - wav).max() < 2**-22
    assert flac_bytes(wav, RATE) == flac_bytes(wav, RATE)
    with pytest.raises(ValueError, match=r"peak 1\.500 would clip"):
        flac_bytes(tone(220, level=1.5), RATE)


def test_resampling_keeps_the_passband() -> None:
    made = resample(tone(1000, rate=44100), 44100, RATE)
    assert np.abs(made[0, 2000:-2000] - tone(1000)[0, 2000 : made.shape[1] - 2000]).max() < 1e-3
    assert set_channels(np.stack([np.ones(4), -np.ones(4)]).astype(np.float32), 1).tolist() == [[0.0] * 4]


def test_loudness_of_the_standards_tone() -> None:
    """ITU-R BS.1770-4: a 997 Hz sine at full scale in one channel reads -3.01 LKFS."""
    assert integrated_lufs(tone(997, 5.0, 1.0, 48000), 48000) == pytest.approx(-3.01, abs=0.1)


def test_true_peak_sees_between_samples() -> None:
    """A sine at a quarter of the rate, 45 degrees off: samples at -3 dBFS, the wave at 0."""
    n = np.arange(RATE)
    assert true_peak_dbtp(np.sin(np.pi / 2 * n + np.pi / 4)[None]) == pytest.approx(0, abs=0.3)


@settings(max_examples=20, deadline=None)
@given(st.floats(-20, 6, allow_subnormal=False))
def test_one_gain_reaches_the_target_or_says_what_is_missing(level_db: float) -> None:
    wav = tone(200, 3.0, 0.3) * np.float32(10 ** (level_db / 20))
    made = {"mix": wav, "drums": 2 * wav, "bass": -wav}
    gain = track_gain(wav, made, RATE, -16.0, -1.5)
    factor = 10 ** (gain.gain_db / 20)
    assert integrated_lufs(wav * factor, RATE) == pytest.approx(-16 - gain.short_of_target_db, abs=0.05)
    assert true_peak_dbtp(wav * factor) <= -1.5 + 1e-6
    assert np.abs(2 * wav * factor).max() <= 0.99 + 1e-6


def test_views_sum_and_vocals_are_dropped() -> None:
    stems = {name: tone(hz) for name, hz in (("drums", 100), ("bass", 50), ("other", 500), ("vocals", 900))}
    made = views.build_views(stems, vocals=False)
    np.testing.assert_allclose(made["mix"], stems["drums"] + stems["bass"] + stems["other"], atol=1e-6)
    np.testing.assert_allclose(made["bass_drums"], stems["drums"] + stems["bass"], atol=1e-6)
    assert not np.allclose(views.build_views(stems, vocals=True)["mix"], made["mix"])


def test_a_drop_is_found_where_the_bass_comes_back() -> None:
    quiet, loud = tone(2000, 10.0, 0.2), tone(55, 12.0, 0.6)
    found = structure.find_drops(np.concatenate([quiet, loud], 1), RATE, 4.0)
    assert len(found) == 1 and float(found[0]["start"]) == pytest.approx(10, abs=1)
    assert structure.find_drops(loud, RATE, 4.0) == []
    assert structure.drops([{"name": "drop", "start": 1.0, "end": 3.0}], 4.0) == []


@pytest.mark.parametrize(
    ("text", "key"),
    [("F#m", "F# minor"), ("Gb minor", "F# minor"), ("a min", "A minor"), ("Bb", "Bb major"), ("C♯ Major", "C# major"),
     ("Am", "A minor"), ("", ""), ("o", "o")],
)  # fmt: skip
def test_keys_have_one_spelling(text: str, key: str) -> None:
    assert analysis.key_name(text) == key


@given(st.floats(30, 300, allow_subnormal=False), st.sampled_from([(65, 150), (110, 160), (136, 146)]))
def test_tempi_fold_by_octaves_only(bpm: float, limits: tuple[float, float]) -> None:
    made = analysis.fold_tempo(bpm, *limits)
    assert abs(np.log2(made / bpm) - round(np.log2(made / bpm))) < 1e-9
    assert limits[0] <= made <= limits[1] or made == bpm
    assert analysis.tempo_error(bpm, bpm * 2) < 1e-9 and analysis.tempo_error(150, 100) > 0.3


@pytest.mark.parametrize(
    ("a", "b", "steps"),
    [("C major", "C major", 0), ("C major", "A minor", 0), ("C major", "G major", 1), ("C major", "F# major", 6)],
)
def test_the_circle_of_fifths(a: str, b: str, steps: int) -> None:
    assert analysis.key_distance(a, b) == analysis.key_distance(b, a) == steps
    assert analysis.key_distance(a, "noise") is None


@pytest.mark.parametrize("name", analysis.BACKENDS)
def test_both_backends_hear_a_known_song(name: str) -> None:
    pytest.importorskip("essentia") if name == "essentia" else None
    song = synth.song(9004, "boom bap", 1, 20.0)
    found = analysis.backend(name)(song.mix, synth.SAMPLE_RATE)
    assert found.bpm and analysis.tempo_error(found.bpm, float(song.info["bpm"])) < 0.04
    distance = analysis.key_distance(found.key, str(song.info["key"]))
    assert distance is not None and distance <= 1


def test_a_missing_backend_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="make recipe NAME=spark"):
        analysis.backend("essentia")
    with pytest.raises(UserError, match="must be one of essentia, librosa"):
        analysis.backend("ear")


def test_the_starters_separator_separates_and_its_stems_sum() -> None:
    model = Separator("starter", KIT, shifts=1, overlap=0.1)
    song = synth.song(9005, "trap", 0, 10.0)
    mix = song.mix[:, : 5 * synth.SAMPLE_RATE]
    made = model.stems(mix, synth.SAMPLE_RATE, "name")
    np.testing.assert_allclose(sum(made.values()), mix, atol=1e-4)
    for stem in ("drums", "bass"):
        true = song.stems[stem][:, : mix.shape[1]]
        assert si_sdr_db(made[stem], true) > si_sdr_db(mix, true) + 5
    again = model.stems(mix, synth.SAMPLE_RATE, "name")
    assert all(np.array_equal(made[k], again[k]) for k in made), "random shifts must be seeded"


def test_a_separator_that_cannot_be_had_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="must be one of starter, htdemucs"):
        Separator("demucs9", KIT, 0, 0.1)
    with pytest.raises(UserError, match="is missing: run `git restore starter/kit`"):
        Separator("starter", tmp_path, 0, 0.1)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="not a safetensors file"):
        Separator("starter", tmp_path, 0, 0.1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="could not be fetched.*separate.model: starter"):
        Separator("htdemucs", KIT, 0, 0.1)
