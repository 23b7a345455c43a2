"""The loss: weights of one are the plain loss, padding is no music, and bands shift attention but not the rate."""

from __future__ import annotations

import mini
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowend.models import codebooks, musicgen
from lowend.training import loss
from lowend.training.loss import BandWeights

EQUAL = BandWeights((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
DELAYS = (0, 1, 2, 3)


def codes(frames: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 64, (2, 4, frames)))


def ones(*lengths: int, frames: int) -> list[torch.Tensor]:
    rows = np.ones((len(lengths), frames), np.float32)
    return loss.weigh([rows], [np.array(lengths)], DELAYS)


@pytest.mark.parametrize("delays", [DELAYS, (0, 0, 1, 1, 2, 2, 3, 3)])
def test_weights_of_one_are_the_plain_loss(delays: tuple[int, ...]) -> None:
    lm, conditions_of = mini.lm(delays=delays), list(mini.TEXTS)
    rng = np.random.default_rng(1)
    batch = torch.from_numpy(rng.integers(0, 64, (2, len(delays), 20)))
    conditions = musicgen.embed(lm, conditions_of)
    (weights,) = loss.weigh([np.ones((2, 20), np.float32)], [np.array([20, 20])], delays)
    plain = loss.codebook_losses(lm, batch, conditions, None)
    torch.testing.assert_close(loss.codebook_losses(lm, batch, conditions, weights), plain, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights.sum((0, 2)), torch.ones(len(delays)))


def test_padding_is_never_trained_as_music() -> None:
    """PEERS 5.1: padded audio is trained as silence elsewhere. Here a padded row is the row alone, whatever pads it."""
    lm = mini.lm()
    alone = codes(13)[:1]
    expected = loss.codebook_losses(lm, alone, musicgen.embed(lm, [mini.TEXTS[0]]), None)
    expected.mean().backward()
    gradient = lm.emb[0].weight.grad.clone()
    for filler in (0, 63):
        padded = torch.full((1, 4, 20), filler)
        padded[:, :, :13] = alone
        lm.zero_grad()
        found = loss.codebook_losses(lm, padded, musicgen.embed(lm, [mini.TEXTS[0]]), ones(13, frames=20)[0])
        found.mean().backward()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(lm.emb[0].weight.grad, gradient, rtol=0, atol=1e-6)


def test_micro_batches_count_by_their_tokens() -> None:
    """PEERS 1.4: losses averaged by batch let a short batch count as much as a long one."""
    lm, both = mini.lm(), codes(20)
    conditions = musicgen.embed(lm, [mini.TEXTS[0]] * 2)
    (whole,) = ones(20, 7, frames=20)
    expected = loss.codebook_losses(lm, both, conditions, whole)
    rows = np.ones((1, 20), np.float32)
    parts = loss.weigh([rows, rows], [np.array([20]), np.array([7])], DELAYS)
    one = musicgen.embed(lm, [mini.TEXTS[0]])
    found = sum(loss.codebook_losses(lm, both[i : i + 1], one, parts[i]) for i in range(2))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@given(st.integers(1, 30), st.data())
def test_delayed_weights_lie_where_the_pattern_puts_their_frames(frames: int, draw: st.DataObject) -> None:
    length = draw.draw(st.integers(1, frames))
    weights = torch.arange(1.0, frames + 1)[None]
    placed = loss.delayed(weights, torch.tensor([length]), DELAYS)
    for k, delay in enumerate(DELAYS):
        expected = torch.zeros(frames)
        kept = max(0, length - delay)
        expected[delay : delay + kept] = weights[0, :kept]
        assert torch.equal(placed[0, k], expected)


ENERGIES = st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), min_size=1, max_size=20)


@given(ENERGIES)
def test_a_frame_weighs_between_the_least_and_the_most(frames: list[tuple[float, float, float]]) -> None:
    energies = np.array(frames, np.float32).T
    found = BandWeights((2.0, 1.0, 0.5), loss.medians([energies])).of_frames(energies)
    assert found.shape == (len(frames),) and (found >= 0.5 - 1e-6).all() and (found <= 2 + 1e-6).all()
    np.testing.assert_allclose(EQUAL.of_frames(energies), 1, atol=1e-6)


def test_two_frames_that_differ_only_in_band_weigh_differently() -> None:
    usual = (0.4, 0.1, 0.01)
    weighing = BandWeights((2.0, 1.0, 0.5), usual)
    frames = np.diag(usual).astype(np.float32)  # one band at its usual energy, the others silent
    np.testing.assert_allclose(weighing.of_frames(frames), [2.0, 1.0, 0.5], rtol=1e-5)
    together = np.array(usual, np.float32)[:, None]
    np.testing.assert_allclose(weighing.of_frames(together), [3.5 / 3], rtol=1e-5)
    np.testing.assert_allclose(weighing.of_frames(0 * together), [3.5 / 3], rtol=1e-5)


def test_the_median_is_of_frames_in_which_the_band_sounds() -> None:
    energies = np.array([[0, 0, 0, 1, 2, 3], [0.5] * 6, [0] * 6], np.float32)
    assert loss.medians([energies[:, :4], energies[:, 4:]]) == (2.0, 0.5, 1.0)


@given(st.floats(0.01, 100), st.integers(0, 50))
def test_weights_shift_attention_and_not_the_learning_rate(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, lengths = rng.uniform(0.1, 2, (2, 3, 16)).astype(np.float32), np.array([[16, 9, 16], [5, 16, 16]])
    parts = loss.weigh(list(rows), list(lengths), DELAYS)
    torch.testing.assert_close(torch.stack([p.sum((0, 2)) for p in parts]).sum(0), torch.ones(4))
    scaled = loss.weigh(list(rows * np.float32(factor)), list(lengths), DELAYS)
    for part, other in zip(parts, scaled, strict=True):
        torch.testing.assert_close(part, other)


def test_the_bands_that_weigh_more_get_more_of_the_gradient() -> None:
    lm, batch = mini.lm(), codes(20)
    conditions = musicgen.embed(lm, list(mini.TEXTS))
    rows = np.ones((2, 20), np.float32)
    rows[0] = 3.0
    (weights,) = loss.weigh([rows], [np.array([20, 20])], DELAYS)
    found = loss.codebook_losses(lm, batch, conditions, weights)
    each = musicgen.cross_entropy(lm, batch, conditions)
    torch.testing.assert_close(found, 0.75 * each[0] + 0.25 * each[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5])
def test_as_many_codes_are_told_again_as_were_asked_for(share: float) -> None:
    clean = torch.full((300, 4, 50), 64)  # a code that no told one is
    lm = mini.lm()
    read = loss.retold(lm, clean, musicgen.embed(lm, [None] * 300), share, torch.Generator().manual_seed(1))
    changed = read != clean
    predicted = [changed[:, k, : 50 - shift] for k, shift in enumerate(lm.delays)]
    by_row = torch.cat(predicted, 1).float().mean(1)
    assert by_row.mean() == pytest.approx(share, rel=0.15) and (by_row <= 2 * share + 0.15).all()
    spread = (share**2 / 3 + (share - 4 * share**2 / 3) / 194) ** 0.5  # of rows' shares, and of 194 codes in each
    assert by_row.std() == pytest.approx(spread, rel=0.15)  # some rows with little, some with much
    assert not any(changed[:, k, 50 - shift :].any() for k, shift in enumerate(lm.delays))
    assert ((read[changed] >= 0) & (read[changed] < 64)).all()


def test_codes_are_told_again_as_likely_as_the_model_finds_them() -> None:
    lm, clean = mini.lm(), torch.full((8, 4, 24), 64)
    with torch.no_grad():
        for head in lm.heads():
            head.mul_(3.0)  # so that some codes are far likelier than others
    conditions = musicgen.embed(lm, [None] * 8)
    told = torch.log_softmax(lm(codebooks.read_to_predict(clean, lm.delays, 64), conditions), -1).detach()
    found, entropies = [], []
    for seed in range(100):
        read = loss.retold(lm, clean, conditions, 0.5, torch.Generator().manual_seed(seed))
        for k, shift in enumerate(lm.delays):
            row, frame = (read[:, k] != clean[:, k]).nonzero(as_tuple=True)
            chances = told[row, k, frame + shift]
            found.append(-chances.gather(1, read[row, k, frame][:, None])[:, 0])
            entropies.append(-(chances.exp() * chances).sum(1))
    entropy = torch.cat(entropies).mean()
    assert 1.0 < entropy < 3.5  # nats, where 64 codes that are alike have 4.2
    torch.testing.assert_close(torch.cat(found).mean(), entropy, rtol=0, atol=0.03)


def test_own_codes_are_read_and_not_predicted() -> None:
    lm, batch = mini.lm(), mini.sampler().at(0)
    conditions, true = musicgen.embed(lm, batch.texts), torch.from_numpy(batch.codes).long()
    plain = mini.FAMILY.losses(lm, batch, None, "fp32", torch.Generator().manual_seed(3))
    found = mini.DRAWING.losses(lm, batch, None, "fp32", torch.Generator().manual_seed(3))
    share = mini.DRAWING.scheduled_sampling
    read = loss.retold(lm, true, conditions, share, torch.Generator().manual_seed(3))
    assert torch.equal(plain, loss.codebook_losses(lm, true, conditions, None))
    logits = lm(codebooks.read_to_predict(read, lm.delays, lm.special_token_id), conditions)
    for k, shift in enumerate(lm.delays):
        frames = true.shape[2] - shift
        expected = torch.nn.functional.cross_entropy(logits[:, k, shift:].transpose(1, 2), true[:, k, :frames])
        torch.testing.assert_close(found[k], expected, rtol=0, atol=1e-5)
    other = mini.DRAWING.losses(lm, batch, None, "fp32", torch.Generator().manual_seed(4))
    assert not torch.equal(found, plain) and not torch.equal(found, other)
    weights = loss.weigh([np.ones(true[:, 0].shape, np.float32)], [batch.lengths], lm.delays)[0]
    weighed = mini.DRAWING.losses(lm, batch, weights, "fp32", torch.Generator().manual_seed(3))
    torch.testing.assert_close(weighed, found, rtol=0, atol=1e-5)
