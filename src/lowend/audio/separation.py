"""Stems through Demucs' own library: the starter's model from the kit, published models by name.

Segments are cut, weighted and averaged as `demucs.apply.apply_model` does it, which the results equal to
rounding. The loop over them is our own because Demucs' runs one segment of one track at a time and holds
every track three times in memory.
"""

from __future__ import annotations

import importlib.util
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from demucs import api, hf
from demucs.apply import BagOfModels
from demucs.utils import center_trim
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from scipy.ndimage import convolve1d, maximum_filter1d
from torch.nn import functional as F

from lowend.audio.io import Wave, resample, set_channels
from lowend.errors import UserError
from lowend.seeds import seed

PUBLISHED = ("htdemucs", "htdemucs_ft", "htdemucs_6s", "mdx_extra", "mdx_extra_q")
_CLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs")

ON_GPU = torch.cuda.is_available()
BATCH = 8 if ON_GPU else 1
"""Segments in a forward pass. On a CPU more of them are no faster, and take more memory."""

GATE_HOP_S, GATE_WINDOW_S, GATE_HOLD_S = 0.1, 0.5, 0.5


@dataclass(frozen=True, slots=True)
class _Mix:
    """A track at the model's rate, and what Demucs normalises it by."""

    wav: torch.Tensor  # [C, S]
    mean: torch.Tensor
    std: torch.Tensor

    def cut(self, start: int, length: int) -> torch.Tensor:
        """[C, length] from sample `start`, normalised, with zeros where there is no track."""
        part = self.wav[:, max(start, 0) : max(start + length, 0)]
        left = max(-start, 0)
        return F.pad((part - self.mean) / self.std, (left, length - left - part.shape[1]))


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch that goes through the network, and its weight in the result."""

    track: int
    start: int  # samples; negative where a random shift put zeros before the track
    ramp: NDArray[np.float32]  # [n]; over all segments of a track these sum to one
    padded: int  # samples that the network is given, the stretch in their middle


class Separator(api.Separator):
    """`demucs.api.Separator` for several tracks at once, with seeded shifts, that can load a safetensors file."""

    _model: Any  # one network, or a BagOfModels
    wanted: list[str]  # what the model is asked for; `rest` is what then remains of the mix

    def __init__(self, model: str, kit: Path, shifts: int, overlap: float, stems: int) -> None:
        """`model` is `starter` (read from `kit`) or a published name, which is fetched from its hub.

        With 4 `stems` a track is split into all that the model makes, with 2 into vocals and no_vocals.

        Raises:
            UserError: the name is unknown, the file is not a Demucs model, the hub is out of reach, or
                the model makes no such stems.
        """
        if model != "starter" and model not in PUBLISHED:
            known = ", ".join(("starter", *PUBLISHED))
            raise UserError(f"params.yaml: `separate.model` must be one of {known}, got {model!r}")
        self._kit = kit
        super().__init__(model, device="cuda" if ON_GPU else "cpu", shifts=shifts, overlap=overlap)
        self._model.to(self._device)
        self.batch_size = BATCH
        sources = list(self._model.sources)
        if stems == 2 and "vocals" not in sources:
            raise UserError(
                f"params.yaml: `separate.stems: 2` needs a model that makes vocals, and {model} makes "
                f"{', '.join(sources)}: set `separate.stems: 4`, or another `separate.model`"
            )
        self.rest = "no_vocals" if stems == 2 else "other"
        self.wanted = ["vocals"] if stems == 2 else [source for source in sources if source != "other"]

    def _load_model(self) -> None:
        if self._name == "starter":
            self._model = _load_safetensors(self._kit / "model.safetensors")
        else:
            self._model = _fetch(self._name)
        self._audio_channels = int(self._model.audio_channels)
        self._samplerate = int(self._model.samplerate)

    def separate(self, tracks: Iterable[tuple[Wave, int, str]]) -> Iterator[dict[str, Wave]]:
        """Separate each (wave [C, S], its rate, a name that seeds its shifts), all of them in the same batches.

        Returns, track by track, stems [C', S'] at the model's rate that sum to the (resampled) input: `other`
        (of two stems: `no_vocals`) is what remains of it, and so holds whatever the model left over.
        """
        mixes, names = [], []
        for wav, rate, name in tracks:
            mixes.append(set_channels(resample(wav, rate, self._samplerate), self._audio_channels))
            names.append(name)
        made = self._estimate([_normal(wav) for wav in mixes], names)
        return (self._complete(mixes.pop(0), made.pop(0)) for _ in names)

    def _complete(self, mix: Wave, stems: dict[str, Wave]) -> dict[str, Wave]:
        rest = mix.copy()
        for wave in stems.values():
            rest -= wave
        return {**stems, self.rest: rest}

    def _estimate(self, mixes: Sequence[_Mix], names: Sequence[str]) -> list[dict[str, Wave]]:
        """The model's estimate of the wanted stems of every mix."""
        made = [{stem: np.zeros(mix.wav.shape, np.float32) for stem in self.wanted} for mix in mixes]
        draws = [random.Random(seed("separate", name)) for name in names]
        furthest = int(0.5 * self._samplerate)
        for model, shares in self._bag():
            begins = [[draw.randint(0, furthest) - furthest for _ in range(self._shifts)] or [0] for draw in draws]
            if not any(shares.values()):
                continue
            segments = (
                segment
                for track, mix in enumerate(mixes)
                for begin in begins[track]
                for segment in _segments(model, track, begin, mix.wav.shape[1], self._overlap, len(begins[track]))
            )
            for segment, wave in self._forward(model, segments, mixes):
                for stem, share in shares.items():
                    _add(made[segment.track][stem], wave[model.sources.index(stem)], segment, share)
        for mix, stems in zip(mixes, made, strict=True):
            for wave in stems.values():
                wave *= mix.std.item()
                wave += mix.mean.item()
        return made

    def _bag(self) -> Iterator[tuple[Any, dict[str, float]]]:
        """Every network of the model, with its share in each wanted stem; the shares of a stem sum to one."""
        if not isinstance(self._model, BagOfModels):
            yield self._model, dict.fromkeys(self.wanted, 1.0)
            return
        places = {stem: self._model.sources.index(stem) for stem in self.wanted}
        totals = {stem: sum(weights[i] for weights in self._model.weights) for stem, i in places.items()}
        for network, weights in zip(self._model.models, self._model.weights, strict=True):
            yield network, {stem: weights[i] / totals[stem] for stem, i in places.items()}

    def _forward(
        self, model: Any, segments: Iterable[_Segment], mixes: Sequence[_Mix]
    ) -> Iterator[tuple[_Segment, Wave]]:
        """Every segment with what the network makes of it, [sources, C, n], `batch_size` in a pass."""
        for length, alike in groupby(segments, key=lambda segment: segment.padded):
            while batch := list(islice(alike, self.batch_size)):
                given = torch.stack([mixes[s.track].cut(s.start - (length - len(s.ramp)) // 2, length) for s in batch])
                # Half precision on a GPU: it moves the starter's stems by -63 dB.
                half = torch.autocast(self._device, torch.float16, enabled=ON_GPU)
                with torch.inference_mode(), _fused_attention(), half:
                    found = model(given.to(self._device)).float().cpu()
                for segment, wave in zip(batch, found, strict=True):
                    yield segment, center_trim(wave, len(segment.ramp)).numpy()


@contextmanager
def _fused_attention() -> Iterator[None]:
    """PyTorch's fused attention in place of its "fast path", which makes a full-size model a tenth slower on a CPU."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _normal(wav: Wave) -> _Mix:
    mix = torch.from_numpy(wav)
    mono = mix.mean(0)
    return _Mix(mix, mono.mean(), mono.std() + 1e-8)


def _segments(model: Any, track: int, begin: int, end: int, overlap: float, passes: int) -> Iterator[_Segment]:
    """Segments from sample `begin` to `end`, weighted by triangles that are scaled to sum to 1 / passes."""
    length = int(model.samplerate * model.segment)
    starts = range(begin, end, int((1 - overlap) * length))
    triangle = np.concatenate([np.arange(1, length // 2 + 1), np.arange(length - length // 2, 0, -1)])
    weight = (triangle / triangle.max()).astype(np.float32)
    total = np.zeros(end - begin, np.float32)
    for start in starts:
        total[start - begin :][:length] += weight[: end - start]
    for start in starts:
        n = min(length, end - start)
        padded = model.valid_length(n) if hasattr(model, "valid_length") else n
        yield _Segment(track, start, weight[:n] / (passes * total[start - begin :][:n]), int(padded))


def _add(stem: Wave, wave: Wave, segment: _Segment, share: float) -> None:
    """Mix a segment [C, n] into `stem` in place, leaving out what lies before the track."""
    cut = max(-segment.start, 0)
    stem[:, segment.start + cut :][:, : len(segment.ramp) - cut] += (wave * segment.ramp * np.float32(share))[:, cut:]


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
    if name.endswith("_q") and not importlib.util.find_spec("diffq"):
        raise UserError(f"separate.model {name} is quantised: `pip install diffq`, or set `separate.model: mdx_extra`")
    try:
        return hf.get_hf_model(name).eval()
    except Exception as error:  # the hub's client raises a dozen unrelated kinds
        hint = " (LOWEND_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        raise UserError(
            f"separate.model {name}: its weights could not be fetched{hint}: {str(error).splitlines()[0]} "
            "Connect to the internet once, or set `separate.model: starter` in params.yaml"
        ) from error


def vocals_gain(vocals: Wave, mix: Wave, rate: int, gate_db: float) -> NDArray[np.float32]:
    """Gain [S], 0 where the vocals [C, S] lie more than -gate_db below the mix and so are bleed, else 1.

    Powers are compared over `GATE_WINDOW_S`; within `GATE_HOLD_S` of true vocals the gate stays open, and
    it opens and closes over `GATE_HOP_S`, so that nothing clicks.
    """
    hop = int(GATE_HOP_S * rate)
    window, hold = (round(s / GATE_HOP_S) | 1 for s in (GATE_WINDOW_S, 2 * GATE_HOLD_S))
    sung, whole = (convolve1d(_hop_power(wav, hop), np.ones(window), mode="constant") for wav in (vocals, mix))
    is_open = maximum_filter1d((sung > whole * 10 ** (gate_db / 10)).astype(np.float32), hold)
    edges = np.maximum(np.r_[is_open[0], is_open], np.r_[is_open, is_open[-1]])
    slope = np.linspace(0, 1, hop, endpoint=False, dtype=np.float32)
    return (edges[:-1, None] + np.diff(edges)[:, None] * slope).ravel()[: mix.shape[1]]


def _hop_power(wav: Wave, hop: int) -> NDArray[np.float64]:
    """Sum of squares of every `hop` samples of [C, S], the last hop perhaps shorter."""
    at = np.arange(0, wav.shape[1], hop)
    return np.add.reduceat(np.einsum("cs,cs->s", wav, wav), at).astype(np.float64)


def si_sdr_db(estimate: Wave, truth: Wave) -> float:
    """Scale-invariant SDR in dB of [C, S] against [C, S] (Le Roux et al., 2019, eq. 2)."""
    made = estimate.astype(np.float64).ravel() - estimate.mean()
    true = truth.astype(np.float64).ravel() - truth.mean()
    target: NDArray[np.float64] = (made @ true) / max(true @ true, 1e-12) * true
    noise = made - target
    return float(10 * np.log10(max(target @ target, 1e-12) / max(noise @ noise, 1e-12)))
