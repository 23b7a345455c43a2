"""How often clips sound as they were asked to, by the classifier, with its own accuracy beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lowend.clips import Clip
from lowend.metrics import classified
from lowend.metrics.absent import Absent
from lowend.metrics.bootstrap import Estimate
from lowend.metrics.classifier import Classifier, Head, Label
from lowend.metrics.intake import Item
from lowend.metrics.listening import Heard

ONES = np.ones(2)
HEAD = Head(("dubstep", "hiphop"), 0 * ONES, ONES, np.array([[1.0, 0.0], [0.0, 1.0]]), 0 * ONES)
OWN = {"genre": {"dubstep": Estimate(0.75, 0.5, 1.0, 8)}}
LEARNED = Classifier("ear", {"genre": HEAD}, {"sub_genre": "no track has a sub-genre"}, OWN)


def heard(genres: list[str]) -> Heard:
    """Clips whose first two embeddings point to a genre, and whose last one faintly to the other."""
    items, embedded = [], []
    for n, genre in enumerate(genres):
        clip = Clip(f"{n}.flac", "a prompt", "riddim", 140.0, "", n)
        items.append(Item(clip, np.ones((1, 100), np.float32), 16_000, False))
        place = np.array([[3.0, 0.0]] * 2 + [[0.0, 1.0]])
        embedded.append(place if genre == "dubstep" else place[:, ::-1])
    return Heard(items, embedded, None, {})


def test_shares_of_both_sets_their_change_and_the_classifiers_own_accuracy() -> None:
    mine, theirs = heard(["dubstep"] * 6 + ["hiphop"] * 2), heard(["dubstep"] * 2 + ["hiphop"] * 6)
    found = classified.compare(LEARNED, "dubstep", mine, theirs, 200, "x")
    name = "classified_genre_right"
    assert (found[name], found[f"against_{name}"], found[f"{name}_change"]) == (0.75, 0.25, 0.5)
    assert found[f"{name}_low"] < 0.75 < found[f"{name}_high"]
    assert 0 < found[f"{name}_change_low"] < 0.5 < found[f"{name}_change_high"]
    assert [found[f"real_{name}{end}"] for end in ("", "_low", "_high")] == [0.75, 0.5, 1.0]


def test_a_question_that_could_not_be_learned_is_marked_and_the_reason_told(caplog: pytest.LogCaptureFixture) -> None:
    clips = heard(["dubstep"] * 4)
    found = classified.compare(LEARNED, "dubstep", clips, clips, 100, "x")
    assert found["classified_sub_genre_right_absent"] == 1 and "classified_sub_genre_right" not in found
    assert "classified_sub_genre_right is absent: no track has a sub-genre" in caplog.text


def test_a_silent_or_broken_clip_is_wrong_whatever_is_heard_in_it() -> None:
    clips = heard(["dubstep"] * 4)
    items = list(clips.items)
    items[1] = replace(items[1], is_broken=True)
    items[2] = replace(items[2], wav=np.zeros((1, 100), np.float32))
    asked = classified.labels(clips, "dubstep")
    assert classified.hits(LEARNED, "genre", asked, replace(clips, items=items)) == [1, 0, 0, 1]


def test_clips_that_ask_for_what_is_unknown_are_left_out() -> None:
    clips = heard(["dubstep"] * 3)
    asked = [Label("dubstep", ""), Label("polka", ""), Label("hiphop", "")]
    assert classified.hits(LEARNED, "genre", asked, clips) == [1, 0]
    with pytest.raises(Absent, match="the prompts ask for polka, and train tracks are of dubstep, hiphop"):
        classified.hits(LEARNED, "genre", [Label("polka", "")] * 3, clips)
