"""Which family a checkpoint folder is of."""

from __future__ import annotations

from pathlib import Path

import latents
import pytest

from lowend.errors import UserError
from lowend.models import families, musicgen_output
from lowend.tracks import write_json


def test_a_checkpoint_names_its_family_and_without_a_name_is_a_musicgen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents.register(monkeypatch)
    for lineage, family in (
        ({}, musicgen_output.FAMILY),
        ({"family": "musicgen"}, musicgen_output.FAMILY),
        ({"family": latents.NAME}, latents.FAMILY),
    ):
        write_json(tmp_path / "lineage.json", lineage)
        assert families.of(tmp_path) is family


def test_an_unknown_family_is_named_with_its_folder_and_the_known_ones(tmp_path: Path) -> None:
    write_json(tmp_path / "lineage.json", {"family": "audioldm"})
    with pytest.raises(UserError, match=rf"{tmp_path}/lineage.json: `family` is 'audioldm', and known are musicgen:"):
        families.of(tmp_path)
