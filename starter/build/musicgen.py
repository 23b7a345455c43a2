"""Train the starter's language model (audiocraft's LMModel) and its tiny T5, together.

By hand: python musicgen.py --codec work/codec.pt --tokens work/tokens.pt --out work/musicgen
         python musicgen.py --section finish --init work/musicgen --tokens work/tokens.pt --out work/finished

Five things let so small a model learn anything in so few steps: it starts from the codec's own
codebooks, so that codes which sound alike are alike from the first step; its positions are rotary,
so that a bar ago is one direction wherever it stands, and absolute as well, so that a tempo and a
position say where in its bar a frame is; a share of its sequences are loops, some of them of
scrambled codes, which pay for nothing but copying; while it trains, its middle layer is asked which
sixteenth of the bar comes next, and at which rate and in which phase the bass wobbles there, which
every frame teaches and only few codes do; and its decoder's matrices take orthogonal steps (Muon;
Jordan et al., 2024).
"""

from __future__ import annotations

import argparse
import shutil
import string
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

import common
from common import FRAMES
from lowend.models import musicgen, sampling

OPENING = 100
RESTART = 3  # frames in which a loop begins again
SIXTEENTHS = 16  # of a bar
_UNHEARD, _ASKED = 25, 10.0  # so many frames the caption alone can tell a wobble by, which weigh so much more
_LOOPS = (1, 1, 2)  # bars of a loop
_EMBEDDING = 6.0  # length of a first codebook's mean embedding
_FINER = 0.75  # and how much shorter each next codebook's is
_HEAD = 0.5


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
    """The `xp.cfg` that audiocraft rebuilds the language model from.

    Not memory-efficient: there audiocraft counts heads for positions when it generates with rotary ones.
    """
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
                "bias_proj": False, "past_context": None, "causal": True, "custom": True,
                "memory_efficient": False, "attention_as_float32": False, "layer_scale": None,
                "positional_embedding": "sin_rope", "xpos": False, "checkpointing": "none",
                "weight_init": "gaussian", "depthwise_init": "current", "zero_bias_init": True,
                "norm": "layer_norm", "cross_attention": False, "qk_layer_norm": False,
                "qk_layer_norm_cross": False, "attention_dropout": None, "kv_repeat": 1,
                "two_step_cfg": False,
            },
        }
    )  # fmt: skip


@torch.no_grad()
def start_from_codec(lm: torch.nn.Module, codec: Path, bins: int) -> None:
    """Set embeddings and heads to the codec's codebooks [bins, D], each turned at random into the model's width.

    Each its own way: what is summed in one subspace could not be told apart again, and so not be copied.
    """
    state = torch.load(codec, weights_only=True)["best_state"]
    books = [state[name].float() for name in sorted(state) if name.endswith("_codebook.embed")]
    for k, book in enumerate(books):
        turn = torch.linalg.qr(torch.randn(lm.dim, book.shape[1]))[0]
        centred = book - book.mean(0)
        vectors = centred / centred.norm(dim=1).mean() @ turn.T
        lm.emb[k].weight[:bins] = vectors * _EMBEDDING * _FINER**k
        lm.emb[k].weight[bins:] = 0.0
        lm.linears[k].weight[:] = vectors * _HEAD


def loop_length(bar: int, share: float, rng: np.random.Generator) -> int:
    """Frames of one or two bars for a `share` of calls, else 0: no loop."""
    return bar * _LOOPS[rng.integers(len(_LOOPS))] if rng.random() < share else 0


def crop(
    codes: Tensor, wobble: Tensor, bar: int, frames: int, loop: int, most_noise: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """`frames` of the codes [K, T] and the wobble [T] from where a bar begins; with a loop, its frames again and again.

    A share of a loop's codes, up to `most_noise`, changes places first: what is not music can only be copied.
    """
    length = loop or frames
    start = bar * int(rng.integers((codes.shape[1] - length) // bar + 1))
    found, moves = codes[:, start : start + length], wobble[start : start + length]
    if not loop:
        return found, moves
    elsewhere = found[:, torch.from_numpy(rng.permutation(length))]
    noisy = torch.from_numpy(rng.random(found.shape) < rng.uniform(0, most_noise))
    times = -(-frames // length)
    return torch.where(noisy, elsewhere, found).repeat(1, times)[:, :frames], moves.repeat(times)[:frames]


def weights_of(loop: int, frames: int, restart: float) -> Tensor:
    """Weights [T] of frames in the loss: of a loop what comes again, `restart` times as much where it begins again."""
    at = torch.arange(frames)
    if not loop:
        return torch.ones(frames)
    return (at >= loop).float() * torch.where(at % loop < RESTART, restart, 1.0)


def places(bars: Sequence[int], frames: int) -> Tensor:
    """The sixteenth of its bar [B, frames] that each frame lies in, of sequences that begin with a bar."""
    at = torch.arange(frames)
    return torch.stack([at % bar * SIXTEENTHS // bar for bar in bars])


def say(wordings: list[str], word_dropout: float, rng: np.random.Generator) -> str | None:
    """The pipeline's usual caption half of the time, some words of it left out; one in five texts is empty."""
    text = wordings[0 if rng.random() < 0.5 else rng.integers(len(wordings))]
    kept = [w for w in text.split(" ") if rng.random() >= word_dropout]
    return None if rng.random() < 0.2 else " ".join(kept) or None


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--section", default="musicgen", help="of params.yaml")
    args.add_argument("--codec", type=Path, help="whose codebooks a new model starts from")
    args.add_argument("--init", type=Path, help="the model to go on with instead")
    args.add_argument("--tokens", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    given = args.parse_args()
    shape, bins = common.params("musicgen"), common.params("codec")["bins"]
    p = {**shape, **common.params(given.section)}
    torch.set_num_threads(p["threads"])
    torch.manual_seed(p["seed"])
    given.out.mkdir(parents=True, exist_ok=True)
    corpus = torch.load(given.tokens, weights_only=True)
    held = 40
    codes, bars, wobbles, texts = (corpus[name] for name in ("codes", "bars", "wobbles", "texts"))
    cfg = config(p, bins)
    if given.init is None:
        make_t5(given.out / "t5", p, (text for said in texts for text in said))
    else:
        shutil.copytree(given.init / "t5", given.out / "t5", dirs_exist_ok=True)
    lm = musicgen.build(cfg, given.out / "t5", "cpu").train()
    if given.init is None:
        start_from_codec(lm, given.codec, bins)
    else:
        lm.load_state_dict(torch.load(given.init / "lm.pt", weights_only=True)["best_state"])
    conditioner = lm.condition_provider.conditioners["description"]
    t5 = conditioner.t5
    conditioner.finetune = True  # here, and only here, the text encoder learns too

    counting = torch.nn.Linear(p["width"], SIXTEENTHS)
    swinging = torch.nn.Linear(p["width"], 1 + max(int(moves.max()) for moves in wobbles))
    middle: deque[Tensor] = deque(maxlen=1)
    lm.transformer.layers[p["layers"] // 2].register_forward_hook(lambda _, __, out: middle.append(out))

    def told(head: torch.nn.Linear, right: Tensor, heard: Tensor, unheard: int = 0) -> Tensor:
        """Cross-entropy of what a head says of each frame [B, T] from the middle layer's output."""
        loss = torch.nn.functional.cross_entropy(head(heard).transpose(1, 2), right, reduction="none").mean(0)
        weights = torch.where(torch.arange(right.shape[1]) < unheard, _ASKED, 1.0)
        return (loss * weights).sum() / weights.sum()

    weights = torch.tensor(p["codebook_weights"])
    weights = weights / weights.sum()

    def loss_at(step: int) -> Tensor:
        rng = common.step_rng(given.section, step)
        frames = OPENING if step % p["openings"] == 0 else FRAMES
        indices = rng.integers(held, len(codes), p["batch_size"] * FRAMES // frames).tolist()
        loops = [loop_length(bars[i], p["loops"], rng) if frames == FRAMES else 0 for i in indices]
        rows = zip(indices, loops, strict=True)
        cut = [crop(codes[i], wobbles[i], bars[i], frames, loop, p["most_noise"], rng) for i, loop in rows]
        crops, moves = (torch.stack(part) for part in zip(*cut, strict=True))
        shares = torch.stack([weights_of(loop, frames, p["restart"]) for loop in loops])
        said = [say(texts[i], p["word_dropout"], rng) for i in indices]
        with torch.autocast("cpu", torch.bfloat16):
            loss = musicgen.losses(lm, crops.long(), musicgen.embed(lm, said))
            heard = middle.pop()
            count = told(counting, places([bars[i] for i in indices], frames), heard)
            swing = told(swinging, moves.long(), heard, _UNHEARD)
        asked = p["count"] * count + p["wobble"] * swing
        return ((loss * shares[:, None]).sum((0, 2)) / shares.sum() * weights).sum() + asked

    @torch.no_grad()
    def validate() -> str:
        lm.eval()
        some = list(range(held))
        crops = torch.stack([codes[i][:, :FRAMES] for i in some]).long()
        said = [wordings[0] for wordings in texts[: held + 1]]
        right = musicgen.cross_entropy(lm, crops, musicgen.embed(lm, said[:held]))
        heard = middle.pop()
        counted = (counting(heard).argmax(2) == places([bars[i] for i in some], FRAMES)).float().mean()
        moves = torch.stack([wobbles[i][:FRAMES] for i in some])
        found = (swinging(heard).argmax(2) == moves).float()
        swung, asked = (found[:, :n][moves[:, :n] > 0].mean() for n in (FRAMES, _UNHEARD))
        wrong = musicgen.cross_entropy(lm, crops, musicgen.embed(lm, said[1:]))
        books = ", ".join(f"{x:.3f}" for x in right.mean(0).tolist())
        sampled = musicgen.generate(lm, said[:16], list(range(16)), FRAMES, sampling.Sampling(250, 0.0, 1.0, 3.0))
        again = [
            max(float((c[0, n * bar :] == c[0, : -n * bar]).float().mean()) for n in (1, 2))
            for c, bar in zip(sampled, bars, strict=False)
        ]
        lm.train()
        return (
            f"held-out cross-entropy {right.mean():.4f} ({books}), with another's caption {wrong.mean():.4f}; "
            f"{np.mean(again):.3f} of the sampled first codes come again after one or two bars, "
            f"{counted:.3f} of the sixteenths and {swung:.3f} of the wobbles' phases told, "
            f"{asked:.3f} of those by the caption"
        )

    modules = {"lm": lm, "counting": counting, "swinging": swinging, "t5": t5}
    matrices = [weight for weight in lm.transformer.parameters() if weight.ndim == 2]
    turned = set(map(id, matrices))
    others = [weight for module in modules.values() for weight in module.parameters() if id(weight) not in turned]
    optimizers = [
        torch.optim.Muon([{"params": matrices, "scale": p["muon"]}], weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.05),
    ]
    inputs = [given.init or given.codec, given.tokens]
    common.run(given.section, p["steps"], modules, optimizers, p["lr"], loss_at, validate, 200, inputs)
    t5.save_pretrained(given.out / "t5")
    torch.save({"best_state": lm.state_dict(), "xp.cfg": OmegaConf.to_yaml(cfg)}, given.out / "lm.pt")
    (given.out / "musicgen.txt").write_text(validate() + "\n")


if __name__ == "__main__":
    main()
