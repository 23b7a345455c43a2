"""Checkpoints are data: what holds code or is broken is not read."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from lowend.errors import UserError
from lowend.models import checkpoints


class Evil:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (print, ("code ran",))


@pytest.mark.parametrize("content", [pickle.dumps({"best_state": Evil()}), b"", b"PK\x03\x04 cut short"])
def test_a_checkpoint_that_is_broken_or_holds_code_is_refused(tmp_path: Path, content: bytes, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "state_dict.bin").write_bytes(content)
    with pytest.raises(UserError, match="not a checkpoint that audiocraft exported"):
        checkpoints.read_audiocraft(tmp_path / "state_dict.bin")
    assert "code ran" not in capsys.readouterr().out
