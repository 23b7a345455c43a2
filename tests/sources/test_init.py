"""The kinds of sources."""

from __future__ import annotations

import pytest

from lowend.errors import UserError
from lowend.sources import KINDS, fetcher, folder, synth


def test_each_kind_has_its_fetch_and_an_unknown_one_is_refused() -> None:
    assert [fetcher(kind) for kind in KINDS] == [synth.fetch, folder.fetch]
    with pytest.raises(UserError, match="must be one of synth, folder, got 'radio'"):
        fetcher("radio")
