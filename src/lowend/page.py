"""What the HTML pages share: players, pictures, templates. A page is one file that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from lowend.audio.io import Wave, flac_bytes

_COLOURS = 64  # of a picture: a quarter of the bytes, and no difference to see
_TEMPLATES = Environment(
    loader=PackageLoader("lowend"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Player:
    """One sound to hear, with its picture; both are data: URIs."""

    name: str
    alt: str
    picture: str
    audio: str


def data_uri(kind: str, data: bytes) -> str:
    """A data: URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def player(name: str, alt: str, wav: Wave, rate: int) -> Player:
    """16-bit FLAC of [C, S] and its spectrogram; `alt` says of what, for those who do not see it."""
    picture = data_uri("image/png", spectrogram_png(wav, rate))
    return Player(name, f"spectrogram of {alt}", picture, data_uri("audio/flac", flac_bytes(wav, rate, bits=16)))


def spectrogram_png(wav: Wave, rate: int) -> bytes:
    """A small spectrogram, 20 Hz to 16 kHz on a logarithmic axis, 70 dB deep."""
    size = min(2048, wav.shape[1])
    figure = Figure(figsize=(4.2, 1.5), dpi=100)
    axes = figure.add_axes((0.09, 0.17, 0.9, 0.8))
    with np.errstate(divide="ignore"):
        power, frequency, time, image = axes.specgram(wav.mean(0) + 1e-9, NFFT=size, Fs=rate, noverlap=size // 2)
    image.remove()
    level = 10 * np.log10(power + 1e-12)
    axes.pcolormesh(time, frequency, level, vmin=level.max() - 70, vmax=level.max(), cmap="magma", rasterized=True)
    axes.set_yscale("log")
    axes.set_ylim(20, min(16000, rate / 2))
    axes.set_yticks([60, 200, 1000, 5000], ["60", "200", "1k", "5k"])
    axes.tick_params(labelsize=7)
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    picture = Image.open(drawn).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def render(template: str, values: Mapping[str, object]) -> str:
    """A page from its template; every value is escaped unless it is `Markup`."""
    return _TEMPLATES.get_template(template).render(values)
