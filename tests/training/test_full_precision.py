"""Two hundred steps in bfloat16 lose what they lose in float32."""

from __future__ import annotations

from pathlib import Path

import mini
import numpy as np
import pytest

from lowend.training import loop

pytestmark = pytest.mark.full


def test_the_loss_of_200_steps_in_bfloat16_is_float32s_within_a_hundredth(tmp_path: Path) -> None:
    curves = []
    for precision in ("fp32", "bf16"):
        config = mini.config(steps=200, precision=precision, validate_every=100)
        scratch = tmp_path / precision
        result = loop.train(mini.FAMILY, mini.lm(), mini.sampler(), config, 1e-3, mini.spread, scratch, lambda _: None)
        curves.append(np.array([record["train_ce"] for record in result.history]))
    exact, rough = curves
    assert len(exact) == 200 and exact[-20:].mean() < exact[:20].mean() - 0.1, "it learns"
    assert abs(rough - exact).mean() < 1e-2 and abs(rough[-20:].mean() - exact[-20:].mean()) < 1e-2
    assert not np.array_equal(rough, exact)
