"""Licence identifiers (SPDX), their tiers, and the gate that splits and training apply.

Tier 1: use and deploy (CC0, public domain, CC-BY, permissive software licences, which some music
comes under). Tier 2: research (non-commercial, share-alike and copyleft, no derivatives). Tier 3:
everything else, known or not; never trained on.
"""

from __future__ import annotations

import re

from lowend.errors import UserError

_CC_BY = tuple(f"CC-BY-{version}" for version in ("1.0", "2.0", "2.5", "3.0", "4.0"))
_PERMISSIVE = ("0BSD", "BSD-2-Clause", "BSD-3-Clause", "MIT", "Apache-2.0", "Unlicense")
_TIER_1 = ("CC0-1.0", "PDM-1.0", *_CC_BY, *_PERMISSIVE)
_TIER_2 = re.compile(
    r"CC-BY-(NC|SA|ND|NC-SA|NC-ND)-\d\.\d|CC-NC-1\.0|L?GPL-[23]\.[01]-(only|or-later)|Artistic-[12]\.0|LAL-1\.[23]"
)
_SPELLINGS = {"CC0": "CC0-1.0", "PUBLIC-DOMAIN": "PDM-1.0", **{name.upper(): name for name in _TIER_1}}
_HIGHEST_TIER = {"commercial": 1, "research": 2}

_URL = re.compile(
    r"creativecommons\.org/(licenses/(?P<kind>[a-z-]+)/(?P<v>\d\.\d)|publicdomain/(?P<free>zero|mark))", re.I
)


def normalise(text: str) -> str:
    """An SPDX id from what people write: an id in any case, a Creative Commons URL, `CC BY 4.0`.

    Unknown text is returned as it is, and so lands in tier 3.
    """
    text = text.strip()
    found = _URL.search(text)
    if found:
        if found["free"]:
            return "CC0-1.0" if found["free"].lower() == "zero" else "PDM-1.0"
        return f"CC-{found['kind'].upper()}-{found['v']}"
    candidate = re.sub(r"[\s_-]+", "-", text.upper())
    candidate = _SPELLINGS.get(candidate, candidate)
    candidate = re.sub(r"-(ONLY|OR-LATER)$", lambda m: m[0].lower(), candidate).replace("ARTISTIC", "Artistic")
    return candidate if tier(text) == 3 and tier(candidate) < 3 else text


def tier(licence: str) -> int:
    """Tier 1, 2 or 3 of a licence id; an empty or unknown licence is tier 3."""
    if licence in _TIER_1:
        return 1
    return 2 if _TIER_2.fullmatch(licence) else 3


def highest_tier(gate: str) -> int:
    """The highest tier that may be trained on under `licence: commercial | research`.

    Raises:
        UserError: the gate is neither.
    """
    if gate not in _HIGHEST_TIER:
        raise UserError(f"params.yaml: `licence` must be commercial or research, got {gate!r}")
    return _HIGHEST_TIER[gate]
