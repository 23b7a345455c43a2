"""A release of MusicGen for transformers: whether its class can hold a model, and what goes beside the weights.

Source: transformers' convert_musicgen_transformers.py, which made the published folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowend.models import checkpoints, transformers_format
from lowend.models.conditioners import Text, t5_width
from lowend.models.decoder import Shape
from lowend.models.families import Format
from lowend.models.transformers_format import CHROMA, channels

NAME = "transformers"
_TOP_K = 250  # codes that audiocraft samples from, unless told; transformers would take 50
_USAGE = """from transformers import AutoProcessor, {kind}ForConditionalGeneration

model = {kind}ForConditionalGeneration.from_pretrained(".")
inputs = AutoProcessor.from_pretrained(".")(
    text=["trap hip-hop at 140 BPM in F minor"], padding=True, return_tensors="pt"
)
wav = model.generate(**inputs, max_new_tokens=400)  # 50 for a second"""


def _melody(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    section = config["conditioners"].get("self_wav")
    return None if section is None else {"match_len_on_eval": True, **section["chroma_stem"]}


def _text_encoder(model: Path, config: Mapping[str, Any]) -> str:
    """Folder of the text encoder, or the name of a published one."""
    own = model / "t5"
    return str(own if own.is_dir() else config["conditioners"]["description"]["t5"]["name"])


def obstacle(model: Path, codec: Path) -> str:
    """What of a model and its codec transformers cannot express, as half a sentence; empty where it can all."""
    config = checkpoints.read_json(model, "config.json")
    shape, melody = Shape.of(config), _melody(config)
    if shape.positions != "sin" or shape.position_scale != 1:
        return "its positions are rotary or scaled, and transformers knows plain sinusoidal ones"
    if not (codec / "hf").is_dir():
        return "its codec is in audiocraft's format, some of whose settings transformers' EnCodec does not have"
    if shape.delays != tuple(k // channels(config) for k in range(shape.codebooks)):
        return "its codebooks are not delayed by a frame each, as they are in transformers"
    published = ((), ("self_wav", "description")) if melody else (("description",), ())
    if (shape.cross, shape.prepend) != published:
        return "it hears its conditions in another way than the published models"
    if melody and not CHROMA.items() <= melody.items():
        return "it hears melodies in another way than transformers"
    if t5_width(_text_encoder(model, config)) == shape.width:
        return "its text encoder is as wide as its decoder, and transformers then projects nothing between them"
    return ""


def write(out: Path, model: Path, codec: Path) -> Format:
    """Write weights, config, defaults of `generate`, and processor with tokenizer of what has no `obstacle`.

    Raises:
        UserError: the text encoder is a published one, and neither cached nor to be fetched.
    """
    import transformers as hf

    config, state = checkpoints.read_json(model, "config.json"), checkpoints.read_state(model)
    t5, melody = _text_encoder(model, config), _melody(config)
    _ = Text(t5, config["transformer_lm"]["dim"]).t5  # raises in one sentence what transformers does in many
    transformers_format.write(out, state, config, t5, codec / "hf")
    audio, none = hf.EncodecConfig.from_pretrained(codec / "hf"), config["transformer_lm"]["card"]
    hf.GenerationConfig(
        do_sample=True, top_k=_TOP_K, guidance_scale=config["classifier_free_guidance"]["inference_coef"],
        max_length=round(config["dataset"]["segment_duration"] * audio.frame_rate),
        decoder_start_token_id=none, pad_token_id=none, bos_token_id=none,
    ).save_pretrained(out)  # fmt: skip
    tokenizer, kind = hf.T5Tokenizer.from_pretrained(t5), "MusicgenMelody" if melody else "Musicgen"
    if melody:
        listener = hf.MusicgenMelodyFeatureExtractor()
    else:
        listener = hf.EncodecFeatureExtractor(
            feature_size=channels(config), sampling_rate=audio.sampling_rate, padding_side="left"
        )
    getattr(hf, f"{kind}Processor")(listener, tokenizer).save_pretrained(out)
    return Format(NAME, "transformers", _USAGE.format(kind=kind))
