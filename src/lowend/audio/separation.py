"""Stems through Demucs' own library: the starter's model from the kit, published models by name."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import numpy as np
import torch
from demucs import api, hf
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from lowend.audio.io import Wave, resample, set_channels
from lowend.errors import UserError

PUBLISHED = ("htdemucs", "htdemucs_ft", "htdemucs_6s", "mdx_extra", "mdx_extra_q")
_CLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs")


class Separator(api.Separator):
    """`demucs.api.Separator` that can also load a safetensors file, and whose shifts are seeded."""

    def __init__(self, model: str, kit: Path, shifts: int, overlap: float) -> None:
        """`model` is `starter` (read from `kit`) or a published name, which is fetched from its hub.

        Raises:
            UserError: the name is unknown, the file is not a Demucs model, or the hub is out of reach.
        """
        if model != "starter" and model not in PUBLISHED:
            known = ", ".join(("starter", *PUBLISHED))
            raise UserError(f"params.yaml: `separate.model` must be one of {known}, got {model!r}")
        self._kit = kit
        device = "cuda" if torch.cuda.is_available() else "cpu"
        super().__init__(model, device=device, shifts=shifts, overlap=overlap)

    def _load_model(self) -> None:
        if self._name == "starter":
            self._model = _load_safetensors(self._kit / "model.safetensors")
        else:
            self._model = _fetch(self._name)
        self._audio_channels = int(self._model.audio_channels)  # type: ignore[arg-type]
        self._samplerate = int(self._model.samplerate)  # type: ignore[arg-type]

    def stems(self, wav: Wave, rate: int, name: str) -> dict[str, Wave]:
        """Separate [C, S] into stems [C', S'] at the model's rate that sum to the (resampled) input.

        What the model left over is added to `other`. `name` seeds the random shifts.
        """
        mix = set_channels(resample(wav, rate, self._samplerate), self._audio_channels)
        digest = hashlib.sha256(name.encode()).digest()
        random.seed(int.from_bytes(digest[:8], "little"))
        with torch.no_grad():
            _, made = self.separate_tensor(torch.from_numpy(mix))
        stems = {stem: wave.cpu().numpy().astype(np.float32) for stem, wave in made.items()}
        stems["other"] = stems["other"] + (mix - sum(stems.values()))
        return stems


def _load_safetensors(path: Path) -> torch.nn.Module:
    """A Demucs model in safetensors form; its class must be one of Demucs' own.

    Raises:
        UserError: the file is missing, broken, or names another class.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            klass = (file.metadata() or {}).get("klass", "")
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `git restore starter/kit`, or `make kit`") from None
    except SafetensorError as error:
        raise UserError(f"{path} is not a safetensors file: {error}") from None
    if klass not in _CLASSES:
        raise UserError(f"{path}: class {klass!r} is not one of {', '.join(_CLASSES)}")
    return hf.load_safetensors_model(path).eval()


def _fetch(name: str) -> torch.nn.Module:
    try:
        return hf.get_hf_model(name).eval()
    except Exception as error:  # the hub's client raises a dozen unrelated kinds
        hint = " (LOWEND_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        raise UserError(
            f"separate.model {name}: its weights could not be fetched{hint}: {str(error).splitlines()[0]} "
            "Connect to the internet once, or set `separate.model: starter` in params.yaml"
        ) from error


def si_sdr_db(estimate: Wave, truth: Wave) -> float:
    """Scale-invariant SDR in dB of [C, S] against [C, S] (Le Roux et al., 2019, eq. 2)."""
    made = estimate.astype(np.float64).ravel() - estimate.mean()
    true = truth.astype(np.float64).ravel() - truth.mean()
    target: NDArray[np.float64] = (made @ true) / max(true @ true, 1e-12) * true
    noise = made - target
    return float(10 * np.log10(max(target @ target, 1e-12) / max(noise @ noise, 1e-12)))
