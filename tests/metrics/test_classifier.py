"""The classifier learns from train tracks alone, says how well it does, and what it cannot learn."""

from __future__ import annotations

import io
from pathlib import Path

import kit
import numpy as np
import pytest

import classifier as stage
from lowend import params, shards
from lowend.errors import UserError
from lowend.metrics import classifier
from lowend.metrics.absent import Absent
from lowend.metrics.classifier import Classifier, Label, Song
from lowend.seeds import rng
from lowend.shards import Member
from lowend.tracks import Track, write_tracks

SUB_GENRES = {"hiphop": ("trap", "drill"), "dubstep": ("riddim", "brostep")}
LABELS = [Label(genre, sub) for genre, subs in SUB_GENRES.items() for sub in subs]


def song(label: Label, n: int, side: str = "train", spread: float = 1.0) -> Song:
    """Windows around a place of the label's own; genres lie further apart than sub-genres."""
    place = np.zeros(6)
    place[0] = 4.0 if label.genre == "hiphop" else -4.0
    place[1 + [one.sub_genre for one in LABELS].index(label.sub_genre)] = 3.0
    return Song(label, place + spread * rng(label, n, side).standard_normal((5, 6)))


def songs(count: int, side: str = "train") -> list[Song]:
    return [song(label, n, side) for label in LABELS for n in range(count)]


def test_what_was_learned_is_heard_in_tracks_that_were_not_learned_from() -> None:
    learned, figures = classifier.build("ear", songs(6), songs(3, "test"), 100)
    assert figures["genre_right"] == figures["genre_balanced"] == figures["sub_genre_right"] == 1
    assert (figures["train_tracks"], figures["real_tracks"]) == (24, 12)
    assert (figures["genre_commonest"], figures["sub_genre_commonest"]) == (0.5, 0.25)
    assert (figures["genre_classes"], figures["sub_genre_classes"]) == (2, 4)
    assert figures["genre_confusion"] == {"dubstep": {"dubstep": 6}, "hiphop": {"hiphop": 6}}
    assert learned.heads["sub_genre"].hears(song(LABELS[1], 0, "new").windows) == "hiphop/drill"
    assert learned.own["genre"]["hiphop"].n == 6


def test_own_accuracy_is_below_one_where_tracks_are_hard_to_tell_apart_and_has_its_interval() -> None:
    hard = [song(label, n, "test", spread=9.0) for label in LABELS for n in range(8)]
    learned, figures = classifier.build("ear", songs(6), hard, 200)
    low, value, high = (figures[f"sub_genre_right{end}"] for end in ("_low", "", "_high"))
    assert 0.25 < value < 0.9 and low < value < high
    by_genre = learned.own["sub_genre"]
    assert by_genre["hiphop"].n == by_genre["dubstep"].n == 16
    assert (by_genre["hiphop"].value + by_genre["dubstep"].value) / 2 == pytest.approx(value, abs=1e-4)


def test_a_commoner_class_is_not_preferred_and_balanced_accuracy_weighs_classes_alike() -> None:
    many, few = LABELS[0], LABELS[2]
    close = [song(many, n, spread=7.0) for n in range(40)] + [song(few, n, spread=7.0) for n in range(4)]
    held = [song(many, n, "test", 7.0) for n in range(30)] + [song(few, n, "test", 7.0) for n in range(30)]
    head = classifier.learn(close, "genre")
    heard = [head.hears(one.windows) for one in held]
    assert 20 < heard.count("dubstep") < 40
    assert classifier.build("ear", close, held[:50], 100)[1]["genre_commonest"] == 0.6
    pairs = [("a", "a")] * 9 + [("b", "a")]
    assert classifier.right(pairs, 100, "x").value == 0.9 and classifier.balanced(pairs, 100, "x").value == 0.5


def test_a_track_counts_once_however_long_it_is() -> None:
    train = songs(4)
    first = [Song(one.label, np.repeat(one.windows, 3, axis=0)) for one in train]
    usual, longer = classifier.learn(train, "genre"), classifier.learn(first, "genre")
    np.testing.assert_allclose(longer.weights, usual.weights, atol=1e-3)


def test_labels_of_the_held_out_side_cannot_be_learned() -> None:
    planted = Label("hiphop", "brostep")
    held = [Song(planted, song(LABELS[3], n, "test").windows) for n in range(9)]
    learned, figures = classifier.build("ear", songs(6), [*held, song(LABELS[0], 0, "test")], 100)
    alone, _ = classifier.build("ear", songs(6), [song(LABELS[0], 0, "test")], 100)
    assert "hiphop/brostep" not in learned.heads["sub_genre"].classes
    assert figures["genre_right"] == 0.1 and figures["sub_genre_tracks"] == 1
    for kind in classifier.KINDS:
        np.testing.assert_array_equal(learned.heads[kind].weights, alone.heads[kind].weights)


def test_from_labels_in_disorder_nothing_is_learned() -> None:
    train = songs(25)
    order = rng("disorder").permutation(len(train))
    mixed = [Song(train[n].label, one.windows) for n, one in zip(order, train, strict=True)]
    _, figures = classifier.build("ear", mixed, songs(25, "test"), 100)
    assert figures["genre_balanced"] == pytest.approx(0.5, abs=0.2)
    assert figures["sub_genre_balanced"] == pytest.approx(0.25, abs=0.2)


def test_the_same_tracks_give_the_same_bytes_and_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        made, _ = classifier.build("ear", songs(6), songs(3, "test"), 100)
        classifier.write(tmp_path / name, made)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    read = classifier.read(tmp_path / "a", "ear")
    assert read.own == made.own and read.heads["sub_genre"].classes == made.heads["sub_genre"].classes
    np.testing.assert_array_equal(read.heads["genre"].weights, made.heads["genre"].weights)
    with pytest.raises(UserError, match="hears by ear, and `evaluate.embedder` is musicnn: run `dvc repro classifier`"):
        classifier.read(tmp_path / "a", "musicnn")
    with pytest.raises(UserError, match="missing not found: run `dvc repro classifier`"):
        classifier.read(tmp_path / "missing", "ear")
    (tmp_path / "b").write_text('{"version": 0}')
    with pytest.raises(UserError, match="of version 0, and 1 is read"):
        classifier.read(tmp_path / "b", "ear")


def test_what_too_few_tracks_leave_open_is_absent_with_a_reason() -> None:
    one_genre = [song(label, n) for label in LABELS[:2] for n in range(3)]
    learned, figures = classifier.build("ear", one_genre, one_genre, 100)
    assert figures["genre_right_absent"] == 1 and "genre_right" not in figures and figures["sub_genre_right"] == 1
    assert "there are hiphop (6): add tracks of another genre to `sources`" in learned.reasons["genre"]
    unnamed = [Song(Label(one.label.genre, ""), one.windows) for one in songs(3)]
    learned, figures = classifier.build("ear", unnamed, unnamed, 100)
    assert figures["genre_right"] == figures["sub_genre_right_absent"] == 1
    assert "there are none: name more of the tracks' sub-genres in metadata.csv" in learned.reasons["sub_genre"]
    deaf = [Song(one.label, np.zeros((0, 0))) for one in songs(3)]
    learned, figures = classifier.build("ear", deaf, deaf, 100)
    assert learned.reasons["genre"] == "`evaluate.embedder` hears nothing of the train tracks"
    learned, figures = classifier.build("ear", songs(3), [], 100)
    assert figures["genre_right_absent"] == 1 and "raise split.valid and split.test" in learned.reasons["genre"]


def test_a_class_of_one_track_is_left_out() -> None:
    train = [*songs(3)[:-2], song(LABELS[0], 9)]
    head = classifier.learn(train, "sub_genre")
    assert head.classes == ("dubstep/riddim", "hiphop/drill", "hiphop/trap")
    with pytest.raises(Absent, match=r"there are dubstep \(1\), hiphop \(1\)"):
        classifier.learn([song(LABELS[0], 0), song(LABELS[2], 0)], "genre")


def test_a_silent_dimension_changes_nothing() -> None:
    train = [Song(one.label, np.pad(one.windows, ((0, 0), (0, 1)), constant_values=7.0)) for one in songs(3)]
    head = classifier.learn(train, "genre")
    assert head.hears(train[0].windows) == "hiphop" and np.isfinite(head.weights).all()


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tokens and splits of two genres; those of dubstep hold other codes than those of hip-hop."""
    kit.unpack(tmp_path)
    for genre, subs in SUB_GENRES.items():
        members = []
        for n in range(6):
            low = 0 if genre == "hiphop" else 512
            file = io.BytesIO()
            np.save(file, rng(genre, n).integers(low, low + 512, (4, 200)).astype(np.int16))
            members.append([Member(f"{genre}{n}", "mix.npy", file.getvalue())])
        shards.write(tmp_path / f"tokens/{genre}/source", members)
        for side, numbers in (("train", range(4)), ("valid", [4]), ("test", [5])):
            rows = [Track(f"{genre}{n}", "", sub_genre=subs[n % 2], tier=1) for n in numbers]
            write_tracks(tmp_path / f"splits/{genre}/{side}.csv", rows)
    asked = {
        "genres": SUB_GENRES,
        "generate.seconds": 3.0,
        "evaluate.bootstrap": 100,
        "evaluate.embedder": "starter",
        "evaluate.weights": "",
    }
    monkeypatch.setattr(params, "load", lambda *names: {name: asked[name] for name in names})
    return tmp_path


def run(where: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> tuple[bytes, str]:
    out, metrics = where / f"{name}.json", where / f"{name}-metrics.json"
    folders = [f"--{flag}={where / flag}" for flag in ("codec", "tokens", "splits")]
    arguments = ["classifier.py", *folders, f"--out={out}", f"--metrics={metrics}", f"--kit={kit.KIT / 'tagger'}"]
    monkeypatch.setattr("sys.argv", arguments)
    stage.main()
    return out.read_bytes(), metrics.read_text()


def test_the_stage_learns_from_the_train_tables_alone(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, metrics = run(graph, monkeypatch, "once")
    assert run(graph, monkeypatch, "again") == (out, metrics)
    assert '"train_tracks": 8.0' in metrics and '"real_tracks": 4.0' in metrics
    first: Classifier = classifier.read(graph / "once.json", "starter")
    assert first.heads["genre"].classes == ("dubstep", "hiphop")
    write_tracks(graph / "splits/hiphop/test.csv", [Track("hiphop5", "", sub_genre="planted", tier=1)])
    assert "planted" not in run(graph, monkeypatch, "planted")[0].decode()
    planted = classifier.read(graph / "planted.json", "starter")
    for kind in classifier.KINDS:
        np.testing.assert_array_equal(planted.heads[kind].weights, first.heads[kind].weights)
