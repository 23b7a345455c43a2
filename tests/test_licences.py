"""Licences as people write them, and the tier that decides what is trained on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowend import licences
from lowend.errors import UserError

KINDS = ("by", "by-nc", "by-sa", "by-nd", "by-nc-sa", "by-nc-nd")
VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
GAPS = st.sampled_from([" ", "-", "_", "  "])
TIERS = {
    1: ("CC0-1.0", "PDM-1.0", "CC-BY-4.0", "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "Unlicense"),
    2: ("CC-BY-NC-SA-3.0", "GPL-2.0-or-later", "LGPL-3.0-only", "Artistic-2.0", "LAL-1.3", "CC-NC-1.0"),
}


@given(
    st.sampled_from(KINDS),
    st.sampled_from(VERSIONS),
    st.sampled_from(["http://", "https://", "https://www.", "", "see https://"]),
    st.sampled_from(["", "/", "/us/", "/deed.de", "/legalcode"]),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_every_creative_commons_url_is_its_id(kind: str, version: str, before: str, after: str, case) -> None:  # type: ignore[no-untyped-def]
    found = licences.normalise(f"  {before}{case(f'creativecommons.org/licenses/{kind}/{version}{after}')} ")
    assert found == f"CC-{kind.upper()}-{version}"
    assert licences.tier(found) == (1 if kind == "by" else 2)


@given(st.sampled_from(KINDS), st.sampled_from(VERSIONS), st.tuples(GAPS, GAPS), st.booleans())
def test_every_plain_spelling_is_its_id(kind: str, version: str, gaps: tuple[str, str], upper: bool) -> None:
    text = gaps[0].join(["cc", kind.replace("-", gaps[1]), version])
    assert licences.normalise(text.upper() if upper else text) == f"CC-{kind.upper()}-{version}"


@pytest.mark.parametrize(("spdx", "tier"), [(spdx, tier) for tier, ids in TIERS.items() for spdx in ids])
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_an_id_is_known_in_any_case(spdx: str, tier: int, case) -> None:  # type: ignore[no-untyped-def]
    assert licences.normalise(case(spdx)) == spdx and licences.tier(spdx) == tier


@pytest.mark.parametrize(
    ("text", "spdx"),
    [
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "PDM-1.0"),
        ("Public Domain", "PDM-1.0"),
        ("cc0 1.0", "CC0-1.0"),
        ("CC0", "CC0-1.0"),
    ],
)
def test_what_belongs_to_everybody_is_tier_1(text: str, spdx: str) -> None:
    assert licences.normalise(text) == spdx and licences.tier(spdx) == 1


@pytest.mark.parametrize(
    "text",
    ["CC BY", "CC-BY-5.0", "by 4.0", "not CC-BY-4.0", "royalty free", "(c) 2020 CC BY 4.0 Records", "MITX",
     "CC-BY-4.0x", "https://example.org/licenses/by/4.0/", "https://creativecommons.org/licenses/sampling+/1.0/",
     "CC-BY-FOO-4.0", "(c) 2020 Somebody", ""],
)  # fmt: skip
def test_what_is_nearly_a_licence_stays_behind_the_gate(text: str) -> None:
    assert licences.normalise(text) == text and licences.tier(licences.normalise(text)) == 3


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_unknown_text_never_opens_the_gate(text: str) -> None:
    found = licences.normalise(text)
    assert licences.tier(found) == 3 or "CC" in found or found in ("MIT", "0BSD", "PDM-1.0")
    assert licences.normalise(found) == found


@pytest.mark.parametrize(("gate", "admitted"), [("commercial", {1}), ("research", {1, 2})])
def test_the_gate_admits_its_tiers(gate: str, admitted: set[int]) -> None:
    assert {t for t in (1, 2, 3) if t <= licences.highest_tier(gate)} == admitted


def test_an_unknown_gate_is_refused() -> None:
    with pytest.raises(UserError, match="commercial or research, got 'mine'"):
        licences.highest_tier("mine")
