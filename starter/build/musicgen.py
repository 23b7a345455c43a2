"""Train the starter's language model (audiocraft's LMModel) and its tiny T5, together.

By hand: python musicgen.py --tokens work/tokens.pt --out work/musicgen
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

import common
from lowend.models import musicgen

FRAMES = 400  # eight seconds: positions that training has not seen break the beat


def make_t5(folder: Path, p: dict, texts: Iterable[str]) -> None:
    """A T5 encoder in transformers' own form whose vocabulary is the words of `texts`, then single characters."""
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    words = sorted({word.strip(",.") for text in texts for word in text.split(" ")} | {str(n) for n in range(40, 221)})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [("\u2581" + word, -2.0) for word in words] + [("\u2581", -4.0)]
    pieces += [(c, -8.0) for c in string.ascii_letters + string.digits + "-.,#&'"]
    T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(folder)
    config = T5Config(
        vocab_size=len(pieces), d_model=p["t5_width"], d_kv=p["t5_width"] // 4, d_ff=2 * p["t5_width"],
        num_layers=1, num_heads=4, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    T5EncoderModel(config).save_pretrained(folder)


def config(p: dict, bins: int) -> OmegaConf:
    """The `xp.cfg` that audiocraft rebuilds the language model from."""
    return OmegaConf.create(
        {
            "solver": "musicgen", "device": "cpu", "dtype": "float32", "lm_model": "transformer_lm",
            "sample_rate": 32000, "channels": 1, "interleave_stereo_codebooks": {"use": False},
            "dataset": {"segment_duration": 20.0},
            "conditioners": {
                "description": {
                    "model": "t5",
                    "t5": {"name": "t5", "finetune": False, "word_dropout": 0.3, "normalize_text": False},
                }
            },
            "fuser": {
                "cross": ["description"], "prepend": [], "sum": [], "input_interpolate": [],
                "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1,
            },
            "codebooks_pattern": {
                "modeling": "delay",
                "delay": {"delays": [0, 1, 2, 3], "flatten_first": 0, "empty_initial": 0},
            },
            "attribute_dropout": {},
            "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0},
            "transformer_lm": {
                "n_q": 4, "card": bins, "dim": p["width"], "num_heads": p["heads"],
                "num_layers": p["layers"], "hidden_scale": 4, "dropout": 0.0, "emb_lr": None,
                "activation": "gelu", "norm_first": True, "bias_ff": False, "bias_attn": False,
                "bias_proj": False, "past_context": None, "causal": True, "custom": False,
                "memory_efficient": True, "attention_as_float32": False, "layer_scale": None,
                "positional_embedding": "sin", "xpos": False, "checkpointing": "none",
                "weight_init": "gaussian", "depthwise_init": "current", "zero_bias_init": True,
                "norm": "layer_norm", "cross_attention": False, "qk_layer_norm": False,
                "qk_layer_norm_cross": False, "attention_dropout": None, "kv_repeat": 1,
                "two_step_cfg": False,
            },
        }
    )  # fmt: skip


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--tokens", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    p, bins = common.params("musicgen"), common.params("codec")["bins"]
    torch.set_num_threads(p["threads"])
    torch.manual_seed(p["seed"])
    given.out.mkdir(parents=True, exist_ok=True)
    corpus = torch.load(given.tokens, weights_only=True)
    held = 40
    codes, texts = corpus["codes"], corpus["texts"]
    make_t5(given.out / "t5", p, (text for said in texts for text in said))
    cfg = config(p, bins)
    lm = musicgen.build(cfg, given.out / "t5", "cpu").train()
    conditioner = lm.condition_provider.conditioners["description"]
    t5 = conditioner.t5
    conditioner.finetune = True  # here, and only here, the text encoder learns too

    def batch(indices: list[int], starts: list[int]) -> Tensor:
        crops = [codes[i][:, s : s + FRAMES] for i, s in zip(indices, starts, strict=True)]
        return torch.stack(crops).long()

    def say(wordings: list[str], rng: np.random.Generator) -> str | None:
        """The pipeline's usual caption half of the time, some words of it left out; one in five texts is empty."""
        text = wordings[0 if rng.random() < 0.5 else rng.integers(len(wordings))]
        kept = [w for w in text.split(" ") if rng.random() >= p["word_dropout"]]
        return None if rng.random() < 0.2 else " ".join(kept) or None

    weights = torch.tensor(p["codebook_weights"])
    weights = weights / weights.sum()

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng("musicgen", step)
        indices = rng.integers(held, len(codes), p["batch_size"]).tolist()
        starts = [int(rng.integers(codes[i].shape[1] - FRAMES + 1)) for i in indices]
        said = [say(texts[i], rng) for i in indices]
        with torch.autocast("cpu", torch.bfloat16):
            loss = musicgen.cross_entropy(lm, batch(indices, starts), musicgen.embed(lm, said))
        return (loss.mean(0) * weights).sum()

    @torch.no_grad()
    def validate() -> str:
        lm.eval()
        some = list(range(held))
        crops = batch(some, [codes[i].shape[1] - FRAMES for i in some])
        said = [wordings[0] for wordings in texts[: held + 1]]
        right = musicgen.cross_entropy(lm, crops, musicgen.embed(lm, said[:held]))
        wrong = musicgen.cross_entropy(lm, crops, musicgen.embed(lm, said[1:]))
        lm.train()
        books = ", ".join(f"{x:.3f}" for x in right.mean(0).tolist())
        return f"held-out cross-entropy {right.mean():.4f} ({books}), with another's caption {wrong.mean():.4f}"

    groups = [{"params": list(lm.parameters())}, {"params": list(t5.parameters())}]
    optimizer = torch.optim.AdamW(groups, p["lr"], betas=(0.9, 0.95), weight_decay=0.05)
    common.run("musicgen", p["steps"], {"lm": lm, "t5": t5}, optimizer, p["lr"], loss_at, validate, 200, [given.tokens])
    t5.save_pretrained(given.out / "t5")
    torch.save({"best_state": lm.state_dict(), "xp.cfg": OmegaConf.to_yaml(cfg)}, given.out / "lm.pt")
    (given.out / "musicgen.txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
