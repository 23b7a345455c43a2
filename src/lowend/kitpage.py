"""The starter kit's listening page: one file with clips, codec and separator, and what the kit cannot do."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch

from lowend import clips, kit, page
from lowend.audio.io import Wave
from lowend.audio.separation import Separator
from lowend.errors import UserError
from lowend.models import codec as codecs
from lowend.models import musicgen
from lowend.models.sampling import Sampling
from lowend.page import Player
from lowend.seeds import seed
from lowend.synth import song as synth

SEED = 89_000
"""Songs that neither the kit nor its benchmark knows."""

MOST_BYTES = 3_000_000
CLIPS, CLIP_S = 6, 8.0  # of each genre
PASSAGE_S = 5.0
CODED = ("boom bap", "trap", "dubstep", "riddim")
SEPARATED = ("lo-fi", "drill", "brostep")
_PEAK = 0.89
_BITRATE = 0.85  # libsndfile's scale of MP3: 0 is the best quality, 1 the smallest file


@dataclass(frozen=True, slots=True)
class Group:
    """Sounds that are compared with one another, under one line of text."""

    text: str
    players: list[Player]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the benchmark's table in words."""

    row: str
    value: str
    bar: str
    verdict: str
    tone: str


def mp3_bytes(wav: Wave, rate: int) -> bytes:
    """MP3 of [C, S]; louder than `_PEAK` it is scaled to it, as MP3 overshoots."""
    file = io.BytesIO()
    loudest = max(float(np.abs(wav).max(initial=0.0)), _PEAK)
    sf.write(file, wav.T * (_PEAK / loudest), rate, format="MP3", compression_level=_BITRATE, bitrate_mode="VARIABLE")
    return file.getvalue()


def player(name: str, of: str, wav: Wave, rate: int) -> Player:
    """A small player of [C, S], mono: a page holds dozens."""
    mono = wav.mean(0, keepdims=True)
    picture = page.data_uri("image/png", page.spectrogram_png(mono, rate))
    return Player(name, f"spectrogram of {name}, {of}", picture, page.data_uri("audio/mpeg", mp3_bytes(mono, rate)))


def generated(folder: Path, prompts: Path, genre: str, sampling: Sampling) -> list[Group]:
    """Clips of the kit's base for the first prompts of a genre; `folder` is what `kit.unpack` returns."""
    asked = clips.read_prompts(prompts / f"{genre}.csv", CLIPS)
    seeds = [seed(SEED, genre, n) for n in range(CLIPS)]
    frames = round(CLIP_S * musicgen.FRAME_RATE)
    lm, codec = musicgen.load(folder / "base"), codecs.load(folder / "codec")
    texts = [prompt.text for prompt in asked]
    codes = musicgen.generate(lm, texts, seeds, frames, sampling)
    waves = codecs.decode(codec, codes)
    return [Group(text, [player("clip", text, wav, codec.sample_rate)]) for text, wav in zip(texts, waves, strict=True)]


def _passage(style: str, index: int) -> Wave:
    """The middle of an unseen song, [2, S]."""
    mix = synth.song(SEED, style, index, 20.0).mix
    return mix[:, _middle(mix.shape[1])]


def _middle(samples: int) -> slice:
    length = int(PASSAGE_S * synth.SAMPLE_RATE)
    start = (samples - length) // 2
    return slice(start, start + length)


def coded(folder: Path) -> list[Group]:
    """Unseen songs beside what the codec leaves of them."""
    codec = codecs.load(folder / "codec")
    groups = []
    for index, style in enumerate(CODED):
        wav = _passage(style, index).mean(0, keepdims=True)
        codes = torch.from_numpy(codecs.encode(codec, wav)[None])
        made = codecs.decode(codec, codes)[0][:, : wav.shape[1]]
        sides = (("original", wav), ("codec", made))
        groups.append(Group(style, [player(name, style, sound, synth.SAMPLE_RATE) for name, sound in sides]))
    return groups


def separated(separator: Path) -> list[Group]:
    """Unseen songs beside the stems that the separator makes of them."""
    model = Separator("starter", separator, shifts=0, overlap=0.1, stems=4)
    groups = []
    for index, style in enumerate(SEPARATED):
        mix = _passage(style, index)
        (stems,) = model.separate([(mix, synth.SAMPLE_RATE, style)])
        sides = {"mix": mix, **{stem: stems[stem] for stem in synth.STEMS}}
        groups.append(Group(style, [player(name, style, sound, synth.SAMPLE_RATE) for name, sound in sides.items()]))
    return groups


def lines(table: Mapping[str, Any]) -> list[Line]:
    """The benchmark's table in words, what falls short first."""
    rows: Sequence[Mapping[str, Any]] = table["rows"]
    return [_line(row) for row in sorted(rows, key=lambda row: {False: 0, None: 1, True: 2}[row["passed"]])]


def _line(row: Mapping[str, Any]) -> Line:
    value, bar = ("" if row[name] is None else f"{row[name]:g}" for name in ("value", "bar"))
    verdicts = {True: ("reached", "good"), None: ("", "soft"), False: ("falls short", "bad")}
    verdict, tone = ("not measured", "soft") if row["value"] is None else verdicts[row["passed"]]
    return Line(row["row"], value, bar, verdict, tone)


def write(path: Path, kit_folder: Path, prompts: Path, sampling: Sampling, table: Path) -> None:
    """Write the page; it is the same for the same kit, prompts and table.

    Raises:
        UserError: the table is missing, or the page is larger than `MOST_BYTES`.
    """
    if not table.exists():
        raise UserError(f"{table} is missing: run `python benchmarks/starter.py`, which writes it")
    folder = kit.unpack(kit_folder / "musicgen")
    values = {
        "clips": [group for genre in ("hiphop", "dubstep") for group in generated(folder, prompts, genre, sampling)],
        "coded": coded(folder),
        "separated": separated(kit_folder / "separator"),
        "lines": lines(json.loads(table.read_text())),
    }
    text = page.render("starter.html", values)
    if len(text.encode()) > MOST_BYTES:
        raise UserError(
            f"{path} would be {len(text.encode())} bytes, more than {MOST_BYTES}: shorten CLIP_S in kitpage.py"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
