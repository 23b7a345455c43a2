"""Tiny random MusicGens in audiocraft's and transformers' own classes, to hold ours against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from audiocraft.models import builders
from audiocraft.models.lm import LMModel
from audiocraft.modules import conditioners
from omegaconf import OmegaConf

T5 = Path(__file__).resolve().parents[2] / "starter/kit/musicgen/t5"
CARD = 32
MONO, STEREO = [0, 1, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3]
TEXTS = ["trap hip-hop at 140 BPM in F minor", None, "dubstep"]


def config(delays: list[int], melody: bool = False, positions: str = "sin", scale: float = 1.0) -> dict[str, Any]:
    """An `xp.cfg` of width 24, with the keys that audiocraft's builder wants.

    Rotary models are not memory-efficient: there audiocraft counts heads for positions when it generates.
    """
    found = json.loads(json.dumps(_CONFIG))
    found["transformer_lm"] |= {"n_q": len(delays), "positional_embedding": positions, "positional_scale": scale}
    if positions != "sin":
        found["transformer_lm"] |= {"custom": True, "memory_efficient": False}
    found["codebooks_pattern"]["delay"]["delays"] = delays
    found["interleave_stereo_codebooks"]["use"] = len(set(delays)) < len(delays)
    if melody:
        found["fuser"] |= {"cross": [], "prepend": ["self_wav", "description"]}
        chroma = {"sample_rate": 32000, "n_chroma": 12, "radix2_exp": 14, "argmax": True, "match_len_on_eval": True}
        found["conditioners"]["self_wav"] = {"model": "chroma_stem", "chroma_stem": chroma}
    return found


def audiocraft(settings: dict[str, Any], seed: int = 0) -> LMModel:
    """audiocraft's own model of a config; one that hears melodies lacks only the network that separates them."""
    plain = json.loads(json.dumps(settings))
    plain["conditioners"].pop("self_wav", None)
    name = plain["conditioners"]["description"]["t5"]["name"]
    if name not in conditioners.T5Conditioner.MODELS:
        conditioners.T5Conditioner.MODELS.append(name)
        conditioners.T5Conditioner.MODELS_DIMS[name] = json.loads((Path(name) / "config.json").read_text())["d_model"]
    torch.manual_seed(seed)
    return builders.get_lm_model(OmegaConf.create(plain)).eval()


def encodec(folder: Path) -> None:
    """A tiny random EnCodec of 50 frames a second in transformers' own format."""
    config = hf.EncodecConfig(
        sampling_rate=32000, num_filters=4, hidden_size=8, codebook_size=CARD, num_lstm_layers=1,
        upsampling_ratios=[8, 5, 4, 4], target_bandwidths=[1.0],
    )  # fmt: skip
    torch.manual_seed(0)
    hf.EncodecModel(config).save_pretrained(folder)


def codes(delays: list[int], rows: int, frames: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(CARD, (rows, len(delays), frames), generator=torch.Generator().manual_seed(seed))


_CONFIG: dict[str, Any] = {
    "solver": "musicgen", "device": "cpu", "dtype": "float32", "lm_model": "transformer_lm", "sample_rate": 32000,
    "channels": 1, "interleave_stereo_codebooks": {"use": False}, "dataset": {"segment_duration": 1.0},
    "conditioners": {
        "description": {
            "model": "t5", "t5": {"name": str(T5), "finetune": False, "word_dropout": 0.0, "normalize_text": False},
        }
    },
    "fuser": {
        "cross": ["description"], "prepend": [], "sum": [], "input_interpolate": [],
        "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1,
    },
    "codebooks_pattern": {"modeling": "delay", "delay": {"delays": MONO, "flatten_first": 0, "empty_initial": 0}},
    "attribute_dropout": {}, "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0},
    "transformer_lm": {
        "n_q": 4, "card": CARD, "dim": 24, "num_heads": 3, "num_layers": 2, "hidden_scale": 4, "dropout": 0.0,
        "emb_lr": None, "activation": "gelu", "norm_first": True, "bias_ff": False, "bias_attn": False,
        "bias_proj": False, "past_context": None, "causal": True, "custom": False, "memory_efficient": True,
        "attention_as_float32": False, "layer_scale": None, "positional_embedding": "sin", "xpos": False,
        "checkpointing": "none", "weight_init": "gaussian", "depthwise_init": "current", "zero_bias_init": True,
        "norm": "layer_norm", "cross_attention": False, "qk_layer_norm": False, "qk_layer_norm_cross": False,
        "attention_dropout": None, "kv_repeat": 1, "two_step_cfg": False,
    },
}  # fmt: skip
