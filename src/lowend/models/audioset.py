"""Taggers of AudioSet's 527 tags: AST (Gong et al., 2021) and PaSST (Koutini et al., 2022), both transformers.

A clip has several of the tags at once, so each is a probability by itself (a sigmoid), as both were trained.
audiocraft's KLD takes a softmax over PaSST's logits instead: its figures compare with none from here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from importlib import metadata
from io import StringIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lowend.audio import windows
from lowend.audio.io import Wave, resample
from lowend.errors import UserError
from lowend.models import devices, hub

Tags = NDArray[np.float64]  # probability of each tag, [T]
_PASST_HZ = 32_000
_PASST_S = (0.15, 10.0)  # the shortest and the longest that it hears
_AST_FRAME_S = 0.01


def ast(name: str, param: str, off: str) -> Callable[[Wave, int], Tags]:
    """What tags a clip [C, S] of so many Hz; a longer one than the model hears (10.24 s) in equal parts, averaged.

    `name` is a folder in transformers' format, or a hub repository with its commit:
    `MIT/ast-finetuned-audioset-10-10-0.4593@<commit>`; `off` is the setting that does without.

    Raises:
        UserError: the commit is missing, or the weights cannot be had, lack some, or are another model's.
    """
    repository, revision = hub.place(name, param, "figures")
    from transformers import ASTFeatureExtractor, ASTForAudioClassification

    extractor = hub.fetch(partial(ASTFeatureExtractor.from_pretrained, repository, revision=revision), name, param, off)
    weights = partial(ASTForAudioClassification.from_pretrained, repository, revision=revision)
    model = hub.fetch(partial(hub.whole, weights), name, param, off)
    return partial(_ast, model.float().eval().to(devices.best()), extractor)


@torch.inference_mode()
def _ast(model: Any, extractor: Any, wav: Wave, rate: int) -> Tags:
    wanted = int(extractor.sampling_rate)
    mono = resample(wav.mean(0, keepdims=True), rate, wanted)[0]
    parts = windows.parts(mono, int(extractor.max_length * _AST_FRAME_S * wanted))
    inputs = extractor(parts, sampling_rate=wanted, return_tensors="pt").to(model.device)
    return _mean(model(**inputs).logits)


def passt(off: str) -> Callable[[Wave, int], Tags]:
    """What tags a clip [C, S] of so many Hz, ten seconds at a time, averaged, by the package hear21passt.

    The package is not among the requirements; it fetches its weights, once, into torch's hub cache.

    Raises:
        UserError: it is not installed, or its weights cannot be had.
    """
    try:
        from hear21passt.base import get_basic_model
    except ImportError:
        raise UserError(
            "the package hear21passt is not installed: run `pip install hear21passt==0.0.26` (it fetches its weights "
            f"on first use), or set `{off}` in params.yaml"
        ) from None
    try:
        with redirect_stdout(StringIO()):  # it prints the whole network
            model = get_basic_model(mode="logits")
    except Exception as error:  # of urllib, torch and the package
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"hear21passt's weights could not be loaded: {reason} Connect to the internet once, or set `{off}` "
            "in params.yaml"
        ) from error
    return partial(_passt, model.float().eval().to(devices.best()))


def passt_version() -> str:
    """The version of hear21passt, which stands for its weights; empty where it is not installed."""
    try:
        return metadata.version("hear21passt")
    except metadata.PackageNotFoundError:
        return ""


@torch.inference_mode()
def _passt(model: Any, wav: Wave, rate: int) -> Tags:
    mono = resample(wav.mean(0, keepdims=True), rate, _PASST_HZ)[0]
    shortest, longest = (int(seconds * _PASST_HZ) for seconds in _PASST_S)
    mono = np.pad(mono, (0, max(0, shortest + 1 - len(mono))))
    where = next(model.parameters()).device
    with redirect_stdout(StringIO()):  # it prints the shapes of all inputs
        parts = windows.parts(mono, longest)
        return _mean(torch.cat([model(torch.from_numpy(part)[None].to(where)) for part in parts]))


def _mean(logits: torch.Tensor) -> Tags:
    """Mean probabilities [T] of logits [n, T]."""
    return torch.sigmoid(logits.double()).mean(0).cpu().numpy()
