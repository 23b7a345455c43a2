"""Where a base model comes from: a wrong name, a missing commit or no network is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowend.errors import UserError
from lowend.models import base


@pytest.mark.parametrize(
    ("model", "revision", "message"),
    [("facebook/musicgen-tiny", "", "must be a folder or one of"), ("facebook/musicgen-small", "", "base.revision")],
)
def test_base_names_what_is_wrong(tmp_path: Path, model: str, revision: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        base.locate(base.BaseConfig(model, revision), tmp_path)


def test_an_unreachable_hub_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="could not be fetched.*base.model: starter"):
        base.locate(base.BaseConfig("facebook/musicgen-small", "a" * 40), tmp_path)
