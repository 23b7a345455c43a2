"""Captions by an audio language model (Qwen2-Audio and its relatives) through transformers, where its weights are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch

from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.models import hub

QUESTION = "Describe this music in one sentence: its style, mood, drums, bass and other instruments."
SECONDS = 30.0
"""What a model hears of a track, from its middle: the window of Whisper's encoder, which these models share."""
_TOKENS = 80
_PARAM = "caption.audio_model"


@lru_cache(maxsize=1)
def load(name: str) -> Callable[[Wave, int], str]:
    """A function from [C, S] and its rate in Hz to one line of text; loaded once in each process.

    `name` is a folder, or a repository of the model hub with its commit: `Qwen/Qwen2-Audio-7B-Instruct@<commit>`.
    Decoding is greedy, so that the same weights and audio on the same kind of machine give the same text.

    Raises:
        UserError: the commit is missing, the weights cannot be fetched, or they are not an audio language model.
    """
    repository, revision = hub.place(name, _PARAM, "captions")
    from transformers import AutoModelForMultimodalLM, AutoProcessor

    processor = hub.fetch(partial(AutoProcessor.from_pretrained, repository, revision=revision), name, _PARAM)
    if not hasattr(processor, "feature_extractor"):
        raise UserError(f"{_PARAM} {name} cannot hear: name an audio language model such as Qwen2-Audio in params.yaml")
    weights = partial(AutoModelForMultimodalLM.from_pretrained, repository, revision=revision)
    model = hub.fetch(partial(weights, dtype="auto", use_safetensors=True), name, _PARAM)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device) if device == "cuda" else model.float()
    return partial(_describe, model.eval(), processor)


def middle(wav: Wave, rate: int) -> Wave:
    """The middle `SECONDS` of [C, S]; a shorter one as it is."""
    length = int(SECONDS * rate)
    start = max(0, wav.shape[1] - length) // 2
    return wav[:, start : start + length]


def _describe(model: Any, processor: Any, wav: Wave, rate: int) -> str:
    wanted = int(processor.feature_extractor.sampling_rate)
    mono = resample(middle(wav, rate).mean(0, keepdims=True), rate, wanted)[0]
    asked = [{"role": "user", "content": [{"type": "audio", "audio": mono}, {"type": "text", "text": QUESTION}]}]
    text = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    inputs = processor(text=text, audio=mono, sampling_rate=wanted, return_tensors="pt").to(model.device, model.dtype)
    with torch.inference_mode():
        made = model.generate(**inputs, max_new_tokens=_TOKENS, do_sample=False)
    answer = processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0]
    return " ".join("".join(c if c.isprintable() else " " for c in str(answer)).split())
