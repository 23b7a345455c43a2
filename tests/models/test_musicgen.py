"""The language model: audiocraft's own loss, what captions change, and clips that are independent of their batch."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lowend import captions
from lowend.models import codec, musicgen
from lowend.synth import song as synth
from lowend.tracks import Track

ROOT = Path(__file__).resolve().parents[2]
TEXT = "trap hip-hop at 140 BPM in F minor"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.unpack(tmp_path_factory.mktemp("models"))


def solver_loss(logits: torch.Tensor, codes: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """audiocraft's MusicGenSolver: mean over codebooks of the mean over valid positions."""
    per_codebook = []
    for k in range(codes.shape[1]):
        valid = mask[:, k].reshape(-1)
        flat = logits[:, k].reshape(-1, logits.shape[-1])[valid]
        per_codebook.append(F.cross_entropy(flat, codes[:, k].reshape(-1)[valid]))
    return torch.stack(per_codebook).mean()


def test_loss_equals_audiocrafts_solver(models: Path) -> None:
    lm = musicgen.load(models / "base")
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (3, 4, 40)))
    with torch.no_grad():
        conditions = musicgen.embed(lm, [TEXT, None, "dubstep"])
        ours = musicgen.cross_entropy(lm, codes, conditions)
        out = lm.compute_predictions(codes, [], conditions)
    assert ours.shape == (3, 4)
    torch.testing.assert_close(ours.mean(), solver_loss(out.logits, codes, out.mask), rtol=1e-5, atol=1e-5)


def test_text_changes_what_is_predicted_and_dropping_it_is_the_null_condition(models: Path) -> None:
    lm = musicgen.load(models / "base")
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (1, 4, 30)))
    with torch.no_grad():
        found = [musicgen.cross_entropy(lm, codes, musicgen.embed(lm, [t])) for t in (TEXT, "ambient", None, "")]
    assert not torch.allclose(found[0], found[1])
    torch.testing.assert_close(found[2], found[3])


def test_a_clip_does_not_depend_on_its_batch(models: Path) -> None:
    lm = musicgen.load(models / "base")
    args = {"frames": 12, "top_k": 50, "temperature": 1.0, "guidance": 3.0}
    other = "drill hip-hop at 143 BPM in A minor"  # as many tokens as TEXT
    both = musicgen.generate(lm, [TEXT, other], [5, 6], **args)
    torch.testing.assert_close(both[1:], musicgen.generate(lm, [other], [6], **args))
    assert not torch.equal(both[1:], musicgen.generate(lm, [other], [7], **args))
    assert both.shape == (2, 4, 12) and both.min() >= 0 and both.max() < lm.card


def test_the_starters_base_listens_to_captions(models: Path) -> None:
    """Their own captions predict unheard songs better than each other's (0.08 nats over many songs)."""
    lm, enc = musicgen.load(models / "base"), codec.load(models / "codec")
    template = captions.load_template(ROOT / captions.TEMPLATE)
    songs = [synth.song(9001, name, 0, 8.0) for name in ("trap", "dubstep", "lo-fi", "riddim")]
    codes = torch.stack([torch.from_numpy(codec.encode(enc, s.mix.mean(0, keepdims=True))[:, :400]) for s in songs])
    texts = [captions.caption(Track(id="", file_path="", **s.info), template) for s in songs]  # type: ignore[arg-type]
    with torch.no_grad():
        right, wrong = (
            musicgen.cross_entropy(lm, codes.long(), musicgen.embed(lm, said)).mean()
            for said in (texts, [*texts[1:], texts[0]])
        )
    assert wrong - right > 0.02
