"""What MusicGen listens to beside its own codes: texts through a T5 encoder, and melodies as chroma frames.

A condition is (embedding [B, L, D], mask [B, L]); the embedding is zero where the mask is. The modules hold
exactly the parameters that audiocraft's conditioners of the same names keep in a state dict.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lowend.errors import UserError
from lowend.models import checkpoints

Condition = tuple[Tensor, Tensor]
Conditions = dict[str, Condition]

_WIDTHS = {"small": 512, "base": 768, "large": 1024, "3b": 1024, "xl": 2048, "11b": 1024, "xxl": 4096}
"""Width of the published T5 encoders (t5-base, google/flan-t5-xl ...) by the last part of their names."""


class _Shared:
    """A T5 encoder and its tokenizer, read on first use; copies of a language model share it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.model: Any = None
        self.tokenizer: Any = None

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared:
        return self

    def load(self) -> None:
        from transformers import T5EncoderModel, T5Tokenizer

        level = logging.root.manager.disable
        logging.disable(logging.ERROR)  # transformers reports every unused decoder weight
        try:
            self.tokenizer = T5Tokenizer.from_pretrained(self.name)
            self.model = T5EncoderModel.from_pretrained(self.name).eval()
        except OSError as error:
            raise UserError(
                f"the text encoder {self.name} could not be read: {str(error).splitlines()[0]} "
                "Connect to the internet once, or put its files into the checkpoint's folder t5/"
            ) from error
        finally:
            logging.disable(level)


def t5_width(name: str) -> int:
    """Width of a T5 encoder: of a local folder by its config.json, of a published one by its name.

    Raises:
        UserError: the name is neither.
    """
    if Path(name).is_dir():
        return int(checkpoints.read_json(Path(name), "config.json")["d_model"])
    width = _WIDTHS.get(name.rsplit("-", 1)[-1])
    if width is None:
        raise UserError(f"conditioners.description.t5.name is {name!r}: neither a folder nor a published T5")
    return width


class Text(nn.Module):
    """Texts as the states of a T5 encoder, projected to the width of the decoder.

    The encoder is no part of the parameters: it stays as published, unless `finetune` is set and an
    optimizer is given `t5`'s own.
    """

    def __init__(self, name: str, width: int) -> None:
        super().__init__()
        self.output_proj = nn.Linear(t5_width(name), width)
        self.finetune = False
        self._encoder = _Shared(name)

    @property
    def t5(self) -> Any:
        """transformers' `T5EncoderModel`, on the device of the projection."""
        if self._encoder.model is None:
            self._encoder.load()
        return self._encoder.model.to(self.output_proj.weight.device)

    def states(self, texts: Sequence[str | None]) -> Condition:
        """Encoder states [B, L, width of T5] and mask [B, L] of texts; a text that is None or empty is masked."""
        t5 = self.t5
        inputs = self._encoder.tokenizer([text or "" for text in texts], return_tensors="pt", padding=True)
        said = torch.tensor([[bool(text)] for text in texts])
        mask = (inputs["attention_mask"] * said).to(t5.device)
        with torch.set_grad_enabled(self.finetune and torch.is_grad_enabled()):
            found = t5(input_ids=inputs["input_ids"].to(t5.device), attention_mask=mask).last_hidden_state
        return found, mask

    def project(self, states: Tensor, mask: Tensor) -> Condition:
        """The condition of states that `states` returned, now or earlier."""
        projected = self.output_proj(states.to(self.output_proj.weight.dtype))
        return projected * mask.unsqueeze(-1), mask

    def forward(self, texts: Sequence[str | None]) -> Condition:
        """The condition of texts, of which the longest sets L."""
        return self.project(*self.states(texts))


def chroma_frames(section: Mapping[str, Any], seconds: float) -> int:
    """Chroma frames of a melody of `seconds`: windows of 2^radix2_exp samples at every quarter, padded at both ends."""
    return 1 + int(section["sample_rate"] * seconds) // (2 ** int(section["radix2_exp"]) // 4)


class Melody(nn.Module):
    """Chroma frames of a melody as a prefix, repeated or cut to the length that the model was trained with.

    No melody is silence, whose frames all name the first pitch class; a model that was trained with prefixes
    of the melody's own length gets one frame of zeros instead.
    """

    def __init__(self, section: Mapping[str, Any], seconds: float, width: int) -> None:
        super().__init__()
        window = 2 ** int(section["radix2_exp"])
        self.output_proj = nn.Linear(int(section["n_chroma"]), width)
        self.chroma = nn.ModuleDict({"spec": nn.Module()})
        self.chroma["spec"].register_buffer("window", torch.hann_window(window))  # part of audiocraft's state
        self.fixed = bool(section.get("match_len_on_eval", True))
        self.frames = chroma_frames(section, seconds)

    def forward(self, chroma: Tensor | None, rows: int) -> Condition:
        """The condition of chroma float [B, F, bins], or of no melody for `rows` rows."""
        weight = self.output_proj.weight
        silent = chroma is None
        if chroma is None:
            chroma = weight.new_zeros(rows, 1, weight.shape[1])
            chroma[..., 0] = 1
        if self.fixed:
            chroma = chroma.repeat(1, -(-self.frames // chroma.shape[1]), 1)[:, : self.frames]
        mask = torch.full(chroma.shape[:2], 0 if silent and not self.fixed else 1, device=weight.device)
        return self.output_proj(chroma.to(weight)) * mask.unsqueeze(-1), mask


class ConditionProvider(nn.Module):
    """The conditioners by name; here because of the names of their parameters."""

    def __init__(self, config: Mapping[str, Any], width: int) -> None:
        super().__init__()
        self.conditioners = nn.ModuleDict()
        for name, section in (config.get("conditioners") or {}).items():
            kind = section["model"] if isinstance(section, Mapping) and "model" in section else None
            if kind == "t5":
                self.conditioners[name] = Text(section["t5"]["name"], width)
            elif kind == "chroma_stem":
                self.conditioners[name] = Melody(section[kind], config["dataset"]["segment_duration"], width)
            elif name != "args":
                raise UserError(f"config.json: conditioners.{name} is {kind!r}; only t5 and chroma_stem are known")

    def forward(self, texts: Sequence[str | None], chroma: Tensor | None) -> Conditions:
        """The conditions of texts, and of melodies as chroma [B, F, bins] where the model knows them."""
        return {
            name: one(chroma, len(texts)) if isinstance(one, Melody) else one(texts)
            for name, one in self.conditioners.items()
        }
