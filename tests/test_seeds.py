"""Seeds come from names: the same on every machine and in every process, different for every name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowend import seeds

NAMES = st.lists(st.integers(-5, 5) | st.text("abc ", max_size=4), min_size=1, max_size=4)


@given(NAMES, NAMES)
def test_equal_names_equal_seeds_and_no_others(a: list, b: list) -> None:
    assert (seeds.seed(*a) == seeds.seed(*b)) == (list(map(str, a)) == list(map(str, b)))
    assert 0 <= seeds.seed(*a) < 2**63
    assert (seeds.rng(*a).random(4) == seeds.rng(*a).random(4)).all()


def test_seeds_do_not_change_between_releases() -> None:
    assert seeds.seed(0, "synth", 1) == 1549771178288629992
    assert seeds.rng("a").integers(0, 10**9, 3).tolist() == [509601015, 296291235, 660125896]
