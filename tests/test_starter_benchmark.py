"""The parts of benchmarks/starter.py: a fair reference codec, measures that can fail, an honest table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from lowend import cache
from lowend import kit as kits
from lowend.audio.io import Wave, flac_bytes
from lowend.errors import UserError
from lowend.note_values import note
from lowend.tracks import write_json

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import starter  # noqa: E402
from starter_parts import (  # noqa: E402
    codec,
    distance,
    generation,
    mdct,
    pipeline,
    quality,
    separation,
    songs,
    table,
    wobbles,
)
from starter_parts.table import Row, Setup  # noqa: E402

RATE = 32000


def noise(samples: int, seed: int = 0) -> Wave:
    return 0.1 * np.random.default_rng(seed).standard_normal((1, samples)).astype(np.float32)


@settings(deadline=None)
@given(samples=st.integers(1, 5000), seed=st.integers(0, 99))
def test_mdct_loses_nothing(samples: int, seed: int) -> None:
    wav = noise(samples, seed)
    coefficients = mdct.forward(wav)
    assert coefficients.shape == (-(-samples // mdct.HOP) + 1, mdct.HOP)
    np.testing.assert_allclose(mdct.inverse(coefficients, samples), wav, atol=1e-5)


def test_mdct_is_an_orthonormal_transform() -> None:
    wav = noise(20 * mdct.HOP)
    assert np.sum(mdct.forward(wav) ** 2) == pytest.approx(np.sum(wav**2), rel=1e-4)


def swell(frames: int) -> Wave:
    """A tone that grows from nothing."""
    t = np.arange(frames * mdct.HOP) / RATE
    return (0.5 * np.sin(2 * np.pi * 110 * t) * np.linspace(0, 1, len(t))).astype(np.float32)[None]


def test_a_second_codebook_codes_what_the_first_left() -> None:
    wav = swell(200)
    errors = [float(np.square(mdct.fit([wav], k, 32, 0).round_trip(wav) - wav).sum()) for k in (1, 2)]
    assert errors[1] < errors[0] / 5


def test_the_fit_is_deterministic() -> None:
    wav = swell(100)
    np.testing.assert_array_equal(mdct.fit([wav], 2, 16, 0).codebooks, mdct.fit([wav], 2, 16, 0).codebooks)


def test_a_reference_with_a_code_for_every_frame_is_exact_within_its_components() -> None:
    wav = swell(24)
    fitted = mdct.fit([wav], 1, 25, 0)
    assert quality.sdr_db(fitted.round_trip(wav), wav) > 40


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.1, 0.9))
def test_measures_tell_level_from_shape(gain: float) -> None:
    wav = 10 * noise(RATE)  # far above the floor
    found = quality.measures(np.float32(gain) * wav, wav, RATE)
    assert found["si_sdr_db"] > 80  # scale does not count
    assert found["log_mel_l1_db"] == pytest.approx(-20 * np.log10(gain), rel=0.1, abs=0.1)
    assert found["low_sdr_db"] == pytest.approx(-20 * np.log10(1 - gain), abs=0.5)


def test_a_full_scale_sine_is_where_the_docstring_says_and_silence_at_the_floor() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)[None]
    assert quality.log_mel_db(sine, RATE)[:, 5:-5].max() == pytest.approx(-17, abs=0.5)
    assert quality.log_mel_db(0 * sine, RATE).max() == pytest.approx(-80, abs=0.1)


def test_perplexity_counts_codes_in_even_use() -> None:
    assert quality.perplexity(np.arange(1024) % 256, 1024) == pytest.approx(256)
    assert quality.perplexity(np.zeros(100, int), 1024) == pytest.approx(1)
    assert quality.perplexity(np.r_[np.zeros(99, int), 1], 1024) < 1.1


def test_a_quarter_of_the_mix_gains_nothing_and_the_truth_gains_much() -> None:
    stems = {"drums": noise(RATE, 1), "bass": noise(RATE, 2), "other": noise(RATE, 3), "vocals": noise(RATE) * 0}
    assert separation.improvements(separation.quarters, stems) == pytest.approx(dict.fromkeys(separation.BARS, 0))
    assert min(separation.improvements(lambda mix: stems, stems).values()) > 60


@pytest.mark.parametrize(
    ("name", "stem"),
    [("1_Kick 02", "drums"), ("3_TripleOscillator bass", "bass"), ("7_Sub808", "bass"), ("2_Pad", "other")],
)
def test_tracks_of_a_project_find_their_stem(name: str, stem: str) -> None:
    assert separation.stem_of(name) == stem


def test_tracks_of_one_stem_are_summed(tmp_path: Path) -> None:
    for name, gain in (("1_kick", 0.2), ("2_snare", 0.3), ("3_lead", 0.1)):
        wav = np.full((2, 3 * RATE), gain, np.float32)
        (tmp_path / f"{name}.flac").write_bytes(flac_bytes(wav, RATE))
    found = separation.read_project(tmp_path)
    assert set(found) == {"drums", "other"}
    assert found["drums"].mean() == pytest.approx(0.5, abs=1e-3)


def test_one_shots_and_the_contested_break_are_no_loops(tmp_path: Path) -> None:
    for name, seconds in (("loop_amen_full", 3), ("loop_garzul", 3), ("bd_808", 1)):
        (tmp_path / f"{name}.flac").write_bytes(flac_bytes(noise(seconds * RATE), RATE))
    assert [wav.shape for wav in codec.read_loops(tmp_path)] == [(1, 3 * RATE)]
    (tmp_path / "loop_garzul.flac").unlink()
    with pytest.raises(UserError, match="--loops"):
        codec.read_loops(tmp_path)


def test_an_unseen_drop_is_asked_for_by_its_songs_rate_and_not_by_one_that_answers_it() -> None:
    drop = songs.synth.song(songs.SEED, "brostep", 8, wobbles.SONG_S)
    clip, wav, rate = wobbles._unseen(kits.unpack(ROOT / "starter/kit/musicgen") / "codec", 8)
    assert wav.shape[1] / rate == pytest.approx(8, abs=0.05) and clip.bpm == drop.info["bpm"]
    assert [note(hz, clip.bpm) for hz in drop.wobble_hz] == [note(clip.wobble_hz, clip.bpm), "1/16"]


def test_a_wobble_is_held_against_the_rate_that_its_prompt_names_and_against_the_others() -> None:
    beat = 140 / 60
    heard, asked = [None, beat, 4 / 3 * beat, 3 * beat], [2 * beat, beat, 1.5 * beat, 2 * beat]
    found = wobbles.shares(heard, asked, [140.0] * 4)
    assert found == {"wobbles": 0.75, "within_15%": 0.5, "exact": 0.25, "by_chance": 0.0}
    assert wobbles.shares([beat] * 3, [beat] * 3, [140.0] * 3)["by_chance"] == 1


def test_shuffled_codebooks_lose_the_bass_that_the_codec_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    folder = kits.unpack(ROOT / "starter/kit/musicgen") / "codec"
    wav = songs.mono(songs.held_out(1))[:, : 8 * RATE]
    kept, lost = codec.round_trip(folder, wav)[0], codec.with_shuffled_codebooks(folder, wav)
    low = [quality.measures(made, wav, RATE)["low_sdr_db"] for made in (kept, lost)]
    assert low[0] > 8 and low[1] < 1


def test_permuted_tokens_keep_every_weight_but_in_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWEND_SCRATCH", str(tmp_path))
    whole = kits.unpack(ROOT / "starter/kit/musicgen") / "base"
    damaged = generation.permute_tokens(whole)
    before, after = (load_file(folder / "t5/model.safetensors") for folder in (whole, damaged))
    moved = before.pop("shared.weight"), after.pop("shared.weight")
    assert (moved[0] != moved[1]).any(1).float().mean() > 0.9
    assert sorted(moved[0].sum(1).tolist()) == pytest.approx(sorted(moved[1].sum(1).tolist()), abs=1e-4)
    assert all((before[name] == after[name]).all() for name in before)
    assert (damaged / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_seeds_of_the_benchmark_trained_nothing() -> None:
    from ruamel.yaml import YAML

    trained = YAML(typ="safe").load(ROOT / "starter/build/params.yaml").values()
    assert songs.SEED not in {part["seed"] + n for part in trained if "seed" in part for n in (0, 1)}


def test_unheard_songs_have_the_palette_but_not_the_indices_of_the_sources() -> None:
    jobs = distance.unheard(ROOT, "dubstep", 40)
    assert {seed for seed, *_ in jobs} == {0} and {palette for *_, palette in jobs} == {1}
    assert min(index for _, _, index, _, _ in jobs) >= distance.UNHEARD and len(set(jobs)) == len(jobs)
    assert {seconds for *_, seconds, _ in jobs} == {24.0}, "as long as the recipe's, which end in an outro"


def test_a_distance_hears_no_level() -> None:
    song, rate = songs.held_out(0), songs.synth.SAMPLE_RATE
    wav = songs.mono(song)[:, : 6 * rate]
    loud, quiet = (distance._embed((wav * gain, rate)) for gain in (1.0, 0.3))
    np.testing.assert_allclose(loud, quiet, atol=1e-3)
    assert np.isfinite(distance._embed((np.zeros_like(wav), rate))).all()


def test_distances_ask_for_unheard_songs_in_the_pipelines_words() -> None:
    asked = distance.prompts(ROOT, "dubstep", 6)
    assert len({prompt.text for prompt in asked}) == 6
    for prompt, (_, name, *_) in zip(asked, distance.unheard(ROOT, "dubstep", 6), strict=True):
        assert prompt.sub_genre == name and f"at {prompt.bpm:.0f} BPM in {prompt.key}" in prompt.text
        assert prompt.wobble_hz and ", wobble in " in prompt.text


def test_a_row_that_was_not_run_has_not_passed_and_one_without_a_bar_does_not_count() -> None:
    rows = [
        table.at_least("a", 2, 1, {}),
        table.at_most("b", 2, 1, {}),
        table.not_run("c", "no model"),
        table.reported("d", 5, {}),
        table.not_run("e", "no folder", has_bar=False),
    ]
    assert [row.passed for row in rows] == [True, False, False, None, None]
    assert table.passed_share(rows) == pytest.approx(1 / 3, abs=1e-4)


def test_rows_stay_for_as_long_as_the_parts_of_the_kit_that_they_read(tmp_path: Path) -> None:
    path, kit = tmp_path / "starter.json", tmp_path / "kit"
    for part in ("codec", "ear"):
        (kit / part).mkdir(parents=True)
        (kit / part / "weights").write_text(part)
    of = {part: {part: cache.files(kit / part)} for part in ("codec", "ear")}
    before = [
        replace(table.at_least(name, 2, 1, {}), kit=of[part])
        for name, part in (("a", "codec"), ("b", "ear"), ("c", "ear"))
    ]
    write_json(path, table.as_json([*before, table.at_least("of no kit", 2, 1, {})]))
    fresh = [table.at_least("b", 3, 1, {}), table.not_run("a", "no model")]

    def values() -> dict[str, float | None]:
        return {row.row: row.value for row in table.merged(path, kit, fresh)}

    assert values() == {"a": 2, "b": 3, "c": 2}
    (kit / "ear/weights").write_text("another")
    assert values() == {"a": 2, "b": 3}
    (kit / "codec/weights").unlink()
    assert values() == {"a": None, "b": 3}


def test_every_file_of_the_kit_is_a_part_that_some_row_reads() -> None:
    parts = {part for _, parts in starter.GROUPS.values() for part in parts}
    assert all((ROOT / "starter/kit" / part).exists() for part in parts)
    unread = [name for name in kits.files(ROOT / "starter/kit") if not any(Path(name).is_relative_to(p) for p in parts)]
    assert unread == ["figures.txt"]


def test_a_stage_without_a_sure_gain_fails_the_row(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("curriculum: {one: {}, two: {}}\n")
    assert "two" in pipeline.gains(tmp_path).figures["not_run"]
    for stage, high in (("one", -0.1), ("two", 0.02)):
        found = {"ce_change": -0.2, "ce_change_low": -0.3, "ce_change_high": high}
        write_json(tmp_path / f"metrics/train/{stage}/metrics.json", found)
    row = pipeline.gains(tmp_path)
    assert (row.value, row.passed) == (0.02, False)


def test_size_counts_the_kit_and_what_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "starter/kit/tagger").mkdir(parents=True)
    (tmp_path / "starter/kit/tagger/model").write_bytes(bytes(15_000_000))
    setup = Setup(tmp_path, tmp_path / "starter/kit", 1, None, None, (), None)
    (row,) = pipeline.size(setup)
    assert row == Row("size in git, MB", 15.0, 16.0, True, {"starter/kit": 15.0})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/starter.html").write_bytes(bytes(2_000_000))
    assert not pipeline.size(setup)[0].passed
