"""Which codes can be drawn, and how often."""

from __future__ import annotations

import pytest
import torch

from lowend.models.sampling import Sampling, draw

SHARES = torch.tensor([0.5, 0.1, 0.3, 0.06, 0.04])
ROWS = 4000


def drawn(sampling: Sampling) -> torch.Tensor:
    """Share of each code among many draws from `SHARES`."""
    logits = SHARES.log().expand(1, ROWS, -1)
    found = draw(logits, sampling, [torch.Generator().manual_seed(0)])
    assert found.shape == (1, ROWS) and found.dtype == torch.int64
    return torch.bincount(found[0], minlength=len(SHARES)) / ROWS


@pytest.mark.parametrize(
    ("sampling", "shares"),
    [
        pytest.param(Sampling(0, 0.0, 1.0, 3.0), SHARES, id="all"),
        pytest.param(Sampling(99, 0.0, 1.0, 3.0), SHARES, id="more than there are"),
        pytest.param(Sampling(2, 0.0, 1.0, 3.0), torch.tensor([0.625, 0, 0.375, 0, 0]), id="two"),
        pytest.param(Sampling(1, 0.6, 1.0, 3.0), torch.tensor([0.625, 0, 0.375, 0, 0]), id="what reaches a share"),
        pytest.param(Sampling(0, 0.85, 1.0, 3.0), torch.tensor([0.5, 0.1, 0.3, 0, 0]) / 0.9, id="three"),
        pytest.param(Sampling(0, 0.1, 1.0, 3.0), torch.tensor([1.0, 0, 0, 0, 0]), id="never none"),
        pytest.param(Sampling(0, 0.0, 0.5, 3.0), SHARES**2 / (SHARES**2).sum(), id="half the temperature"),
        pytest.param(Sampling(0, 0.0, 0.0, 3.0), torch.tensor([1.0, 0, 0, 0, 0]), id="no temperature"),
    ],
)
def test_codes_are_drawn_by_their_shares(sampling: Sampling, shares: torch.Tensor) -> None:
    found = drawn(sampling)
    torch.testing.assert_close(found, shares, rtol=0, atol=0.025)
    assert not found[shares == 0].any()


@pytest.mark.parametrize(
    ("setting", "given"), [("top_k", (-1, 0.0, 1.0)), ("top_p", (0, 1.5, 1.0)), ("temperature", (0, 0.0, -1.0))]
)
def test_what_cannot_be_is_refused(setting: str, given: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match=f"generate.{setting} must be"):
        Sampling(*given, guidance=3.0)
