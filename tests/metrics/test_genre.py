"""Probability of the genre, and how often the tagger hears the sub-genre that was asked for."""

from __future__ import annotations

from lowend.metrics import genre

FOUND = [{"trap": 0.7, "drill": 0.2, "dubstep": 0.1}, {"trap": 0.1, "drill": 0.6, "dubstep": 0.3}]


def test_the_probability_of_a_genre_is_that_of_its_sub_genres() -> None:
    found = genre.summarise(FOUND, ["trap", "drill"], 50, "x")
    assert found["genre_probability"] == 0.8
    assert 0.7 <= found["genre_probability_low"] < found["genre_probability_high"] <= 0.9


def test_a_sub_genre_is_right_where_it_is_the_most_probable() -> None:
    assert genre.accuracy(FOUND, ["trap", "dubstep"], 50, "x")["sub_genre_right"] == 0.5
    assert genre.accuracy(FOUND, ["trap", "bossa nova"], 50, "x")["sub_genre_right"] == 1, "unknown is not judged"
    assert genre.accuracy(FOUND, ["", "bossa nova"], 50, "x") == {}
