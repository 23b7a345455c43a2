"""At the published width: float32's rounding grows with it, and an index that fits a small model may not fit here."""

from __future__ import annotations

import oracles
import pytest
import torch
import torch.nn.functional as F

from lowend.models import musicgen

pytestmark = pytest.mark.full


@pytest.mark.parametrize("delays", [oracles.MONO, oracles.STEREO], ids=["mono", "stereo"])
def test_logits_and_gradients_of_musicgen_small_equal_audiocrafts(delays: list[int]) -> None:
    settings = oracles.config(delays)
    settings["transformer_lm"] |= {"dim": 1024, "num_heads": 16, "num_layers": 24, "card": 2048}
    theirs = oracles.audiocraft(settings)
    ours = musicgen.build(settings, None, "cpu").eval()
    ours.load_state_dict(theirs.state_dict())
    codes = torch.randint(2048, (2, len(delays), 40), generator=torch.Generator().manual_seed(0))
    conditions = {name: (c.detach(), mask) for name, (c, mask) in musicgen.embed(ours, oracles.TEXTS[:2]).items()}
    sequence = F.pad(codes, (1, 0), value=2048)
    torch.testing.assert_close(ours(sequence, conditions), theirs(sequence, [], conditions), rtol=1e-5, atol=2e-5)
    musicgen.cross_entropy(ours, codes, conditions).mean().backward()
    out = theirs.compute_predictions(codes, [], conditions)
    losses = [
        F.cross_entropy(out.logits[:, k][out.mask[:, k]], codes[:, k][out.mask[:, k]]) for k in range(len(delays))
    ]
    torch.stack(losses).mean().backward()
    wanted = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    for name, parameter in ours.named_parameters():
        if name in wanted:
            size = float(wanted[name].abs().max())
            torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-4, atol=1e-4 * size, msg=name)
