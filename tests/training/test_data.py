"""Which sequences train: those of the table, each once an epoch, in exact shares, from names alone."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend import captions, shards
from lowend.errors import UserError
from lowend.shards import Member
from lowend.tracks import Track, write_tracks
from lowend.training import data

TEMPLATE = captions.load_template(Path(__file__).resolve().parents[2] / captions.TEMPLATE)
WORDS = "one two three four five six"


def rows(count: int, kind: str, frames: int = 40) -> list[data.Tokens]:
    codes = np.arange(frames, dtype=np.int16)[None].repeat(4, 0)
    return [data.Tokens(f"{kind}{n}", codes, (WORDS,)) for n in range(count)]


def sampler(own: int = 7, replay: int = 5, share: float = 0.0, batch: int = 4, **change: object) -> data.Sampler:
    fixed = {"frames": 30, "cfg_dropout": 0.0, "word_dropout": 0.0, "name": "0/key"} | change
    return data.Sampler(rows(own, "own"), rows(replay, "replay"), share, batch, **fixed)  # type: ignore[arg-type]


def ids(made: data.Sampler, batches: int) -> list[str]:
    return [i for n in range(batches) for i in made.at(n).track_ids]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.9, 1.0]),
)
def test_epochs_are_whole_and_shares_exact_at_every_length(own: int, replay: int, batch: int, share: float) -> None:
    found = ids(sampler(own, replay, share, batch), 40 // batch + 1)
    for n in range(1, len(found) + 1):
        assert sum(i.startswith("replay") for i in found[:n]) == int(n * share + 1e-6)
    for kind, size in (("own", own), ("replay", replay)):
        visits = [i for i in found if i.startswith(kind)]
        for epoch in range(len(visits) // size):
            assert len(set(visits[epoch * size : (epoch + 1) * size])) == size
        assert max(Counter(visits).values(), default=0) - min(visits.count(f"{kind}{n}") for n in range(size)) <= 1


def test_a_batch_depends_on_its_number_and_the_name_alone() -> None:
    change = {"cfg_dropout": 0.3, "word_dropout": 0.3, "share": 0.5}
    forward, backward = sampler(**change), sampler(**change)  # type: ignore[arg-type]
    some = {n: forward.at(n) for n in range(12)}
    for n in reversed(range(12)):
        again = backward.at(n)
        assert np.array_equal(again.codes, some[n].codes)
        assert (again.texts, again.track_ids) == (some[n].texts, some[n].track_ids)
    assert ids(sampler(name="1/key"), 9) != ids(sampler(), 9)
    order = ids(sampler(), 14)
    assert order[:7] != order[7:14], "each epoch has its own order"


def test_crops_are_whole_and_reach_both_ends() -> None:
    batches = [sampler().at(n) for n in range(60)]
    starts = {int(row[0, 0]) for batch in batches for row in batch.codes}
    assert starts == set(range(11))
    for batch in batches:
        assert batch.codes.shape == (4, 4, 30) and batch.codes.dtype == np.int16
        assert (np.diff(batch.codes, axis=2) == 1).all()


@pytest.mark.parametrize(("chance", "expected"), [(0.0, {WORDS}), (1.0, {None})])
def test_word_dropout_at_its_ends(chance: float, expected: set[str | None]) -> None:
    assert {t for n in range(20) for t in sampler(word_dropout=chance).at(n).texts} == expected


def test_dropped_words_leave_the_others_in_order() -> None:
    texts = [t.split(" ") for n in range(60) for t in sampler(word_dropout=0.4).at(n).texts if t]
    order = WORDS.split(" ")
    assert all(t == [w for w in order if w in t] for t in texts)
    assert all(0.4 < sum(w in t for t in texts) / 240 < 0.8 for w in order), "no word is special"


def test_dropouts_have_their_rates() -> None:
    batches = [sampler(cfg_dropout=0.3).at(n) for n in range(400)]
    dropped = [all(t is None for t in b.texts) for b in batches]
    assert 0.22 < np.mean(dropped) < 0.38
    assert all(len({t is None for t in b.texts}) == 1 for b in batches), "the whole condition set is dropped together"
    words = [len((t or "").split()) for n in range(200) for t in sampler(word_dropout=0.3).at(n).texts]
    assert np.mean(words) == pytest.approx(6 * 0.7, abs=0.2)


def data_npy(codes: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, codes)
    return file.getvalue()


def npy(frames: int) -> bytes:
    return data_npy(np.full((4, frames), frames, np.int16))


def sections(*spans: tuple[str, float, float]) -> str:
    return json.dumps([{"name": name, "start": start, "end": end} for name, start, end in spans])


def test_only_the_tables_tracks_at_the_right_view_and_length_are_read(tmp_path: Path) -> None:
    for source, track_ids in (("z", ["a", "gone"]), ("y", ["b", "short"])):
        members = [
            [Member(i, f"{v}.npy", npy(49 if i == "short" else 60)) for v in ("drums", "mix")] for i in track_ids
        ]
        shards.write(tmp_path / "tokens" / source, members)
    tracks = [Track("b", "y", caption="riddim"), Track("a", "x", caption="trap", variants='["trap", "a trap beat"]')]
    write_tracks(tmp_path / "train.csv", [*tracks, Track("short", "s")])
    found = data.load(tmp_path / "tokens", tmp_path / "train.csv", "drums", TEMPLATE, 50)
    assert [(t.track_id, t.codes.shape[1], t.texts) for t in found] == [
        ("a", 60, ("drums only, trap", "drums only, a trap beat")), ("b", 60, ("drums only, riddim",)),
    ]  # fmt: skip
    with pytest.raises(
        UserError, match="no track has the view 'bass' with at least 50 frames; add tracks, or add 'bass'"
    ):
        data.load(tmp_path / "tokens", tmp_path / "train.csv", "bass", TEMPLATE, 50)


def test_passages_are_cut_from_the_mix_where_the_table_says(tmp_path: Path) -> None:
    codes = np.arange(300, dtype=np.int16)[None].repeat(4, 0)
    shards.write(
        tmp_path / "tokens" / "x", [[Member("a", "mix.npy", data_npy(codes)), Member("a", "bass.npy", npy(9))]]
    )
    spans = sections(("intro", 0, 1), ("drop", 1, 2.5), ("buildup", 2.5, 4), ("drop", 4, 4.4), ("drop", 4.4, 60))
    write_tracks(
        tmp_path / "train.csv", [Track("a", "x", caption="riddim", structure=spans, downbeats="0.2 1.74 3.28 4.8 6.3")]
    )
    found = data.load(tmp_path / "tokens", tmp_path / "train.csv", "drops", TEMPLATE, 50)
    assert [(int(t.codes[0, 0]), t.codes.shape[1], t.texts) for t in found] == [
        (50, 75, ("drop, riddim",)), (220, 80, ("drop, riddim",)),
    ], "the drop of 0.4 s is too short, the last ends with the track"  # fmt: skip
    assert [t.bars.tolist() for t in found] == [[37], [20]], "where its bars begin, in frames from its own beginning"
    with pytest.raises(UserError, match="add tracks, or name 'breakdown' sections in metadata.csv"):
        data.load(tmp_path / "tokens", tmp_path / "train.csv", "breakdowns", TEMPLATE, 50)


def test_every_variant_of_a_caption_is_drawn_and_one_resumes_as_it_was() -> None:
    tokens = [data.Tokens("a", np.zeros((4, 40), np.int16), ("one", "two", "three"))]
    made = data.Sampler(tokens, tokens, 0.0, 4, 30, 0.0, 0.0, "0/key")
    drawn = Counter(text for n in range(60) for text in made.at(n).texts)
    assert set(drawn) == {"one", "two", "three"} and min(drawn.values()) > 50
    assert made.at(17).texts == data.Sampler(tokens, tokens, 0.0, 4, 30, 0.0, 0.0, "0/key").at(17).texts


def test_a_held_out_side_without_the_view_is_measured_on_its_mix(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    structure = {"a": sections(("drop", 0, 1.2)), "b": ""}
    shards.write(tmp_path / "tokens" / "x", [[Member(i, "mix.npy", npy(60))] for i in structure])
    found = {}
    for track_id, text in structure.items():
        write_tracks(tmp_path / "test.csv", [Track(track_id, "y", caption="riddim", structure=text)])
        rows, view = data.load_held_out(tmp_path / "tokens", tmp_path / "test.csv", "drops", TEMPLATE, 50)
        found[track_id] = ([row.texts for row in rows], view)
    assert found == {"a": ([("drop, riddim",)], "drops"), "b": ([("riddim",)], "mix")}
    assert "no track has the view 'drops'" in caplog.text and "measuring on the mix instead" in caplog.text


def test_the_licence_gate_holds_right_before_training() -> None:
    tracks = [Track("a", "ok.wav", tier=1), Track("b", "b.wav", licence="GPL", tier=2), Track("c", "c.wav")]
    data.check_licences(tracks, 3)
    with pytest.raises(
        UserError, match=r"1 train tracks have a licence that the gate refuses, first c\.wav \(unknown\)"
    ):
        data.check_licences(tracks, 2)
    with pytest.raises(UserError, match=r"2 train tracks .* first b\.wav \(GPL\): run `dvc repro`"):
        data.check_licences(tracks, 1)


def test_what_is_shorter_than_a_segment_is_padded_and_marked() -> None:
    short, long = rows(1, "short", 21)[0], rows(1, "long", 40)[0]
    made = data.Sampler([short, long], [short], 0.0, 4, 30, 0.0, 0.0, "0/key").at(0)
    for row, length, track_id in zip(made.codes, made.lengths, made.track_ids, strict=True):
        assert length == (21 if track_id == "short0" else 30)
        assert (np.diff(row[:, :length]) == 1).all() and (row[:, length:] == 0).all()
    assert not made.whole and sampler().at(0).whole


def test_crops_begin_where_bars_do_in_tracks_that_have_some() -> None:
    plain = rows(1, "own", 100)[0]
    beat = replace(plain, bars=np.array([3, 23, 43, 63, 83]))
    late = replace(plain, bars=np.array([83]))

    def starts(row: data.Tokens, crops: str) -> set[int]:
        made = data.Sampler([row], [row], 0.0, 4, 30, 0.0, 0.0, "0/key", crops=crops)
        return {int(codes[0, 0]) for n in range(60) for codes in made.at(n).codes}

    assert starts(beat, "bars") == {3, 23, 43, 63}  # from 83 on it is too short
    assert len(starts(beat, "anywhere")) > 30
    assert len(starts(plain, "bars")) > 30 and len(starts(late, "bars")) > 30


def variants(row: data.Tokens, count: int) -> tuple[data.Tokens, ...]:
    return tuple(data.Tokens(row.track_id, row.codes + 100 * (n + 1), (f"variant {n}",)) for n in range(count))


def test_augmented_variants_take_their_share_with_the_texts_that_are_true_of_them() -> None:
    plain = rows(3, "own")
    own = [data.Tokens(r.track_id, r.codes, ("plain",), None, variants(r, 2)) for r in plain]
    batches = 1500
    made = data.Sampler(own, own, 0.0, 4, 30, 0.0, 0.0, "0/key", batches)
    without = data.Sampler(plain, plain, 0.0, 4, 30, 0.0, 0.0, "0/key", batches)
    shares = []
    for first in (0, 1400):
        texts: list[str | None] = []
        for n in range(first, first + 100):
            batch, same = made.at(n), without.at(n)
            assert batch.track_ids == same.track_ids
            for row, other, text in zip(batch.codes, same.codes, batch.texts, strict=True):
                shift = int(row[0, 0] - other[0, 0])
                assert text == {0: "plain", 100: "variant 0", 200: "variant 1"}[shift]
            texts += batch.texts
        counts = Counter(texts)
        assert abs(counts["variant 0"] - counts["variant 1"]) < 60
        shares.append(1 - counts["plain"] / len(texts))
    assert shares == pytest.approx([0.68, 0.22], abs=0.06)


def test_replayed_share_is_exact_also_with_variants() -> None:
    """20 % means 20 %: audiocraft and its like have no replay, and SimpleTuner's is a schedule of steps."""
    own = [data.Tokens(r.track_id, r.codes, r.texts, None, variants(r, 1)) for r in rows(7, "own")]
    made = data.Sampler(own, rows(5, "replay"), 0.2, 4, 30, 0.0, 0.0, "0/key", 50)
    assert sum(i.startswith("replay") for i in ids(made, 50)) == 40


def test_bands_and_variants_are_read_and_cut_with_the_codes(tmp_path: Path) -> None:
    codes = np.arange(300, dtype=np.int16)[None].repeat(4, 0)
    levels = np.arange(300, dtype=np.float16)[None].repeat(3, 0)
    fast = np.arange(1000, 1200, dtype=np.int16)[None].repeat(4, 0)
    facts = json.dumps({"stretch": 1.5, "semitones": 2, "blend": ""}).encode()
    members = [
        Member("a", "mix.npy", data_npy(codes)), Member("a", "mix.bands.npy", data_npy(levels)),
        Member("a", "mix.0.npy", data_npy(fast)), Member("a", "mix.0.json", facts),
    ]  # fmt: skip
    shards.write(tmp_path / "tokens/x", [members])
    drop_s = sections(("drop", 1.5, 3))
    row = Track("a", "x", caption="riddim at 140 BPM in A minor", bpm=140.0, key="A minor", structure=drop_s)
    row = replace(row, downbeats="1.5 2.1")
    write_tracks(tmp_path / "t.csv", [row])
    (whole,) = data.load(tmp_path / "tokens", tmp_path / "t.csv", "mix", TEMPLATE, 50)
    assert whole.levels is not None and np.array_equal(whole.levels, levels) and np.array_equal(whole.codes, codes)
    (drop,) = data.load(tmp_path / "tokens", tmp_path / "t.csv", "drops", TEMPLATE, 50)
    assert drop.levels is not None and (drop.levels[0, 0], drop.levels.shape[1]) == (75, 75)
    (variant,) = drop.variants
    assert (int(variant.codes[0, 0]), variant.codes.shape[1]) == (1050, 50), "the drop comes earlier in a faster take"
    assert (drop.bars.tolist(), variant.bars.tolist()) == ([0, 30], [0, 20])
    assert drop.texts == ("drop, riddim at 140 BPM in A minor",) and variant.levels is None
    assert variant.texts == ("drop, riddim at 210 BPM in B minor",)
    write_tracks(tmp_path / "t.csv", [replace(row, caption="my edit, 140 BPM")])
    (edited,) = data.load(tmp_path / "tokens", tmp_path / "t.csv", "mix", TEMPLATE, 50)
    assert edited.variants[0].texts == ("my edit, 210 BPM",), "an edited caption needs no new tokens"
    with pytest.raises(UserError, match=r"`train.band_weights` .* 1 tracks have none, first a"):
        data.weighing([drop], (2.0, 1.0, 0.5))


def test_a_blend_says_both_tracks_as_they_are_in_it(tmp_path: Path) -> None:
    facts = json.dumps({"stretch": 1.0, "semitones": 1, "blend": "b"}).encode()
    members = [Member("a", "bass.npy", npy(60)), Member("a", "bass.0.npy", npy(60)), Member("a", "bass.0.json", facts)]
    shards.write(tmp_path / "tokens/x", [members])
    tracks = [Track("a", "x", caption="riddim, A minor", key="A minor"), Track("b", "y", caption="trap, E", key="E")]
    write_tracks(tmp_path / "t.csv", tracks)
    (row,) = data.load(tmp_path / "tokens", tmp_path / "t.csv", "bass", TEMPLATE, 50)
    assert row.variants[0].texts == ("bass only, riddim, Bb minor, blended with a little trap, F",)
    write_tracks(tmp_path / "t.csv", tracks[:1])
    with pytest.raises(UserError, match="track a was blended with b, which trains no more: run `dvc repro`"):
        data.load(tmp_path / "tokens", tmp_path / "t.csv", "bass", TEMPLATE, 50)


def test_codes_stay_on_disk_until_they_are_read(tmp_path: Path) -> None:
    shards.write(tmp_path / "tokens/x", [[Member("a", "mix.npy", npy(60))]])
    write_tracks(tmp_path / "t.csv", [Track("a", "x", caption="riddim")])
    (row,) = data.load(tmp_path / "tokens", tmp_path / "t.csv", "mix", TEMPLATE, 50)
    base = row.codes
    while not isinstance(base, np.memmap):
        assert base is not None and not base.flags.owndata
        base = base.base
    assert np.array_equal(row.codes, np.full((4, 60), 60)) and row.codes.dtype == np.int16


def test_damaged_tokens_are_one_sentence(tmp_path: Path) -> None:
    bands = data_npy(np.zeros((3, 59), np.float16))
    shards.write(tmp_path / "tokens/x", [[Member("a", "mix.npy", npy(60)), Member("a", "mix.bands.npy", bands)]])
    write_tracks(tmp_path / "t.csv", [Track("a", "x", caption="riddim")])
    with pytest.raises(UserError, match=r"a: mix has 60 frames of codes and 59 of bands; encode again"):
        data.load(tmp_path / "tokens", tmp_path / "t.csv", "mix", TEMPLATE, 50)
    (shard,) = (tmp_path / "tokens/x").glob("*.tar")
    shard.write_bytes(shard.read_bytes()[:1100])
    with pytest.raises(UserError, match="is cut short"):
        data.load(tmp_path / "tokens", tmp_path / "t.csv", "mix", TEMPLATE, 50)


@given(st.integers(1, 200), st.integers(1, 60))
def test_windows_cover_all_but_a_last_short_piece(frames: int, size: int) -> None:
    made = data.windows(rows(2, "x", frames), size)
    assert len(made) == 2 * (frames // size) and all(w.codes.shape == (4, size) for w in made)
    starts = [int(w.codes[0, 0]) for w in made if w.track_id == "x0"]
    assert starts == list(range(0, frames - size + 1, size))


def test_windows_begin_where_bars_do_and_every_sequence_that_is_long_enough_has_one() -> None:
    plain = rows(1, "x", 100)[0]
    for bars, expected in (([3, 23, 43, 63, 83], [3, 43]), ([0, 30, 60, 90], [0, 30, 60]), ([90], [0, 30, 60])):
        made = data.windows([replace(plain, bars=np.array(bars))], 30)
        assert [int(w.codes[0, 0]) for w in made] == expected and all(w.codes.shape == (4, 30) for w in made)


@given(st.integers(2, 30), st.integers(1, 3))
def test_shuffled_captions_are_anothers_and_everybody_is_read(count: int, passages: int) -> None:
    own = [data.Tokens(f"t{n}", r.codes, (f"one {n}", f"two {n}")) for n, r in enumerate(rows(count, "t"))] * passages
    made = data.shuffled(own, "0/key")
    for before, after in zip(own, made, strict=True):
        assert before.track_id == after.track_id and before.codes is after.codes and before.texts != after.texts
    assert Counter(r.texts for r in made) == Counter(r.texts for r in own), "every caption is still heard as often"
    assert [r.texts for r in data.shuffled(own, "0/key")] == [r.texts for r in made]
    of_track = {r.track_id: r.texts for r in made}
    assert all(r.texts == of_track[r.track_id] for r in made), "passages of a track stay together"


def test_shuffling_depends_on_the_name_and_not_on_the_order() -> None:
    own = [data.Tokens(f"t{n:02d}", r.codes, (f"text {n}",)) for n, r in enumerate(rows(20, "t"))]
    found = {r.track_id: r.texts for r in data.shuffled(own, "0/key")}
    assert {r.track_id: r.texts for r in data.shuffled(own[::-1], "0/key")} == found
    assert {r.track_id: r.texts for r in data.shuffled(own, "1/key")} != found
    with pytest.raises(UserError, match="of one track cannot be shuffled: add tracks, or set `captions: own`"):
        data.shuffled(own[:1] * 3, "0/key")
