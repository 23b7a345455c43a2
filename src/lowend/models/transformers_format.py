"""MusicGen as transformers keeps it: one folder with decoder, text encoder and codec.

The decoder is the same network as audiocraft's under other names: queries, keys and values are three
matrices there and one here. Sources: transformers' models/musicgen and models/musicgen_melody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from lowend.errors import UserError
from lowend.models.checkpoints import State, to_float32
from lowend.models.conditioners import chroma_frames

_TOP = {
    "enc_to_dec_proj": "condition_provider.conditioners.description.output_proj",
    "audio_enc_to_dec_proj": "condition_provider.conditioners.self_wav.output_proj",
    "decoder.model.decoder.layer_norm": "out_norm",
}
_NUMBERED = {"decoder.model.decoder.embed_tokens": "emb", "decoder.lm_heads": "linears"}
_LAYERS = "decoder.model.decoder.layers", "transformer.layers"
_LAYER = {
    "self_attn_layer_norm": "norm1",
    "encoder_attn_layer_norm": "norm_cross",
    "final_layer_norm": "norm2",
    "fc1": "linear1",
    "fc2": "linear2",
    "self_attn.out_proj": "self_attn.out_proj",
    "encoder_attn.out_proj": "cross_attention.out_proj",
}
_ATTENTION = {"self_attn": "self_attn", "encoder_attn": "cross_attention"}
_WINDOW = "condition_provider.conditioners.self_wav.chroma.spec.window"
CHROMA = {"sample_rate": 32000, "n_chroma": 12, "radix2_exp": 14, "argmax": True, "match_len_on_eval": True}
"""How the published melody models listen; transformers keeps it in its feature extractor."""


def _renamed(name: str, back: bool) -> str:
    """transformers' name of a tensor that is the same in both, or audiocraft's, as `back` says."""

    def swap(table: Mapping[str, str], part: str) -> str:
        return {v: k for k, v in table.items()}[part] if back else table[part]

    layers, others = _LAYERS[::-1] if back else _LAYERS
    if found := re.fullmatch(rf"{re.escape(layers)}\.(\d+)\.(.+)\.(weight|bias)", name):
        return f"{others}.{found[1]}.{swap(_LAYER, found[2])}.{found[3]}"
    if found := re.fullmatch(r"(.+)\.(\d+)\.(weight)", name):
        return f"{swap(_NUMBERED, found[1])}.{found[2]}.{found[3]}"
    owner, _, leaf = name.rpartition(".")
    return f"{swap(_TOP, owner)}.{leaf}"


def from_transformers(state: Mapping[str, torch.Tensor]) -> State:
    """The language model's state under audiocraft's names; text encoder and codec are left out."""
    made: State = {}
    for name, value in state.items():
        if name.startswith(("text_encoder.", "audio_encoder.")) or name.endswith("embed_positions.weights"):
            continue
        if found := re.fullmatch(r"(.+)\.(\d+)\.(\w+)\.q_proj\.weight", name):
            parts = [state[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            made[f"{_LAYERS[1]}.{found[2]}.{_ATTENTION[found[3]]}.in_proj_weight"] = torch.cat(parts)
        elif not re.search(r"\.[kv]_proj\.weight$", name):
            made[_renamed(name, back=False)] = value
    if "audio_enc_to_dec_proj.weight" in state:
        made[_WINDOW] = torch.hann_window(2 ** int(CHROMA["radix2_exp"]))
    return made


def to_transformers(state: Mapping[str, torch.Tensor]) -> State:
    """The inverse of `from_transformers`."""
    made: State = {}
    for name, value in state.items():
        if name == _WINDOW:
            continue
        if name.endswith(".in_proj_weight"):
            _, _, layer, attention, _ = name.split(".")
            owner = {v: k for k, v in _ATTENTION.items()}[attention]
            for part, weight in zip("qkv", value.chunk(3), strict=True):
                made[f"{_LAYERS[0]}.{layer}.{owner}.{part}_proj.weight"] = weight.contiguous()
        else:
            made[_renamed(name, back=True)] = value
    return made


def config_of(published: Mapping[str, Any]) -> dict[str, Any]:
    """The `xp.cfg` of a language model whose transformers config is `published`.

    Raises:
        UserError: the config is of another family.
    """
    melody = published.get("model_type") == "musicgen_melody"
    if not melody and published.get("model_type") != "musicgen":
        raise UserError(f"config.json: model_type is {published.get('model_type')!r}, which is no MusicGen")
    decoder, text = published["decoder"], published["text_encoder"]
    books, channels = decoder["num_codebooks"], decoder.get("audio_channels", 1)
    t5 = {
        "name": text.get("_name_or_path") or "t5-base",
        "finetune": False,
        "word_dropout": 0.3,
        "normalize_text": False,
    }
    conditioners: dict[str, Any] = {"description": {"model": "t5", "t5": t5}}
    if melody:
        conditioners["self_wav"] = {
            "model": "chroma_stem",
            "chroma_stem": {**CHROMA, "n_chroma": published["num_chroma"]},
        }
    hop = 2 ** int(CHROMA["radix2_exp"]) // 4
    seconds = (published.get("chroma_length", 235) - 1) * hop / 32000 if melody else 30.0
    return {
        "solver": "musicgen", "lm_model": "transformer_lm", "sample_rate": published["audio_encoder"]["sampling_rate"],
        "channels": channels, "interleave_stereo_codebooks": {"use": channels == 2},
        "dataset": {"segment_duration": seconds}, "conditioners": conditioners,
        "fuser": {
            "cross": [] if melody else ["description"], "prepend": ["self_wav", "description"] if melody else [],
            "sum": [], "input_interpolate": [], "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1,
        },
        "codebooks_pattern": {
            "modeling": "delay",
            "delay": {"delays": [k // channels for k in range(books)], "flatten_first": 0, "empty_initial": 0},
        },
        "attribute_dropout": {}, "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0},
        "transformer_lm": {
            "n_q": books, "card": decoder["vocab_size"], "dim": decoder["hidden_size"],
            "num_heads": decoder["num_attention_heads"], "num_layers": decoder["num_hidden_layers"],
            "hidden_scale": decoder["ffn_dim"] / decoder["hidden_size"], "dropout": 0.0, "emb_lr": None,
            "activation": decoder["activation_function"], "norm_first": True, "bias_ff": False, "bias_attn": False,
            "bias_proj": False, "past_context": None, "causal": True, "custom": False, "memory_efficient": True,
            "attention_as_float32": False, "layer_scale": None, "positional_embedding": "sin", "xpos": False,
            "checkpointing": "none", "weight_init": "gaussian", "depthwise_init": "current", "zero_bias_init": True,
            "norm": "layer_norm", "cross_attention": False, "qk_layer_norm": False, "qk_layer_norm_cross": False,
            "attention_dropout": None, "kv_repeat": 1, "two_step_cfg": False,
        },
    }  # fmt: skip


def channels(config: Mapping[str, Any]) -> int:
    """Channels that a model of an `xp.cfg` hears; the first published ones say nothing of it."""
    return 2 if (config.get("interleave_stereo_codebooks") or {}).get("use") else 1


def read_all(folder: Path) -> State:
    """Every tensor of a folder that `save_pretrained` wrote, in one file or several.

    Raises:
        UserError: the folder holds no safetensors.
    """
    index = folder / "model.safetensors.index.json"
    names = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else {"model.safetensors"}
    missing = [name for name in sorted(names) if not (folder / name).exists()]
    if missing:
        raise UserError(f"{folder} lacks {missing[0]}: fetch the folder again, with its safetensors")
    return {key: value for name in sorted(names) for key, value in load_file(folder / name).items()}


def read(folder: Path) -> tuple[State, dict[str, Any]]:
    """State (float32) and `xp.cfg` of the language model in a folder of transformers' MusicGen."""
    config = config_of(json.loads((folder / "config.json").read_text()))
    return to_float32(from_transformers(read_all(folder))), config


def unpack_parts(folder: Path, t5: Path, codec: Path) -> None:
    """Write the text encoder (with its tokenizer) and the codec of such a folder as folders of their own."""
    from transformers import EncodecConfig, EncodecModel, T5Config, T5EncoderModel, T5Tokenizer

    published, state = json.loads((folder / "config.json").read_text()), read_all(folder)
    parts = (
        (T5EncoderModel(T5Config.from_dict(published["text_encoder"])), "text_encoder.", t5),
        (EncodecModel(EncodecConfig.from_dict(published["audio_encoder"])), "audio_encoder.", codec),
    )
    for model, prefix, out in parts:
        model.load_state_dict(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}, strict=False
        )
        model.save_pretrained(out)
    T5Tokenizer.from_pretrained(folder).save_pretrained(t5)


def write(
    folder: Path, state: Mapping[str, torch.Tensor], config: Mapping[str, Any], t5: Path | str, codec: Path
) -> None:
    """Write a folder that transformers' `from_pretrained` loads; `t5` and `codec` are folders of its own format.

    `t5` may also be the name of a published text encoder.

    Raises:
        UserError: the model has rotary positions, which transformers' class does not know.
    """
    import transformers as hf

    lm, melody = config["transformer_lm"], "self_wav" in config["conditioners"]
    if lm.get("positional_embedding", "sin") != "sin":
        raise UserError("transformers' MusicGen knows sinusoidal positions only: export for audiocraft instead")
    kind = "MusicgenMelody" if melody else "Musicgen"
    decoder = getattr(hf, f"{kind}DecoderConfig")(
        vocab_size=lm["card"], hidden_size=lm["dim"], num_hidden_layers=lm["num_layers"],
        num_attention_heads=lm["num_heads"], ffn_dim=int(lm["hidden_scale"] * lm["dim"]), num_codebooks=lm["n_q"],
        audio_channels=channels(config), dropout=0.0, pad_token_id=lm["card"], bos_token_id=lm["card"],
    )  # fmt: skip
    encoder, audio = hf.T5EncoderModel.from_pretrained(t5), hf.EncodecModel.from_pretrained(codec)
    whole = getattr(hf, f"{kind}Config")(
        text_encoder=encoder.config.to_dict(), audio_encoder=audio.config.to_dict(), decoder=decoder.to_dict()
    )
    if melody:
        section = config["conditioners"]["self_wav"]["chroma_stem"]
        whole.num_chroma = section["n_chroma"]
        whole.chroma_length = chroma_frames(section, config["dataset"]["segment_duration"])
    model = getattr(hf, f"{kind}ForConditionalGeneration")(whole)
    model.text_encoder.load_state_dict(encoder.state_dict())
    model.audio_encoder.load_state_dict(audio.state_dict())
    missing, unknown = model.load_state_dict(to_transformers(state), strict=False)
    lost = [name for name in missing if not name.startswith(("text_encoder.", "audio_encoder."))]
    assert not unknown and not lost, f"tensors without a place: {unknown}, places without a tensor: {lost}"
    model.save_pretrained(folder)
    hf.T5Tokenizer.from_pretrained(t5).save_pretrained(folder)
