"""Licence identifiers (SPDX), their tiers, and the gate that splits and training apply.

Tier 1: use and deploy (CC0, public domain, CC-BY). Tier 2: research (non-commercial, share-alike,
no derivatives). Tier 3: everything else, known or not; never trained on.
"""

from __future__ import annotations

import re

from lowend.errors import UserError

_TIER_1 = ("CC0-1.0", "PDM-1.0", "CC-BY-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0")
_TIER_2 = re.compile(r"CC-BY-(NC|SA|ND|NC-SA|NC-ND)-\d\.\d|CC-NC-1\.0")
_HIGHEST_TIER = {"commercial": 1, "research": 2}

_URL = re.compile(r"creativecommons\.org/(licenses/(?P<kind>[a-z-]+)/(?P<v>\d\.\d)|(?P<zero>publicdomain/zero))", re.I)


def normalise(text: str) -> str:
    """An SPDX id from what people write: an id in any case, a Creative Commons URL, `CC BY 4.0`.

    Unknown text is returned as it is, and so lands in tier 3.
    """
    text = text.strip()
    found = _URL.search(text)
    if found:
        return "CC0-1.0" if found["zero"] else f"CC-{found['kind'].upper()}-{found['v']}"
    candidate = re.sub(r"[\s_-]+", "-", text.upper())
    candidate = {"CC0": "CC0-1.0", "PUBLIC-DOMAIN": "PDM-1.0"}.get(candidate, candidate)
    return candidate if candidate in _TIER_1 or _TIER_2.fullmatch(candidate) else text


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
