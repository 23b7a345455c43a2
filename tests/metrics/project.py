"""A folder in which the evaluate stage runs: the starter's base model, a few synthesised tracks, and its clips."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import kit
import numpy as np

from lowend import clips, shards
from lowend.metrics import classifier
from lowend.models import codec as codecs
from lowend.models import musicgen
from lowend.models.sampling import Sampling
from lowend.shards import Member
from lowend.synth import song as synth
from lowend.tracks import Track, write_tracks

ROOT = Path(__file__).resolve().parents[2]
CLIPS, CLIP_S = 12, 4.0
TRACKS = {"train": 2, "valid": 4, "test": 4}
SETS = ("dubstep-full", "base-dubstep")
"""Clips of the base model with two seeds, under the names that evaluation `dubstep-full` of params.yaml reads."""


def make(where: Path) -> Path:
    """Write the project to `where`, which is returned; nothing in it names the place."""
    kit.unpack(where / "models")
    codec = codecs.load(where / "models/codec")
    _tracks(where, codec)
    lm = musicgen.load(where / "models/base")
    prompts = clips.read_prompts(ROOT / "prompts/dubstep.csv", CLIPS)
    frames = round(CLIP_S * musicgen.FRAME_RATE)
    for place, name in enumerate(SETS):
        seeds = [1000 * place + n for n in range(CLIPS)]
        codes = musicgen.generate(lm, [prompt.text for prompt in prompts], seeds, frames, Sampling(250, 0.0, 0.8, 3.0))
        clips.write(where / "samples" / name, prompts, seeds, codecs.decode(codec, codes), codec.sample_rate)
    unlearned, _ = classifier.build("starter", [], [], 100)  # there is one genre
    classifier.write(where / "classifier.json", unlearned)
    (where / "prompts").mkdir()
    shutil.copy(ROOT / "prompts/captions.yaml", where / "prompts")
    settings = (ROOT / "params.yaml").read_text()
    (where / "params.yaml").write_text(re.sub(r"^  bootstrap: \d+", "  bootstrap: 100", settings, flags=re.M))
    return where


def _tracks(where: Path, codec: codecs.CompressionModel) -> None:
    names = synth.sub_genres("dubstep")
    members = []
    for n in range(sum(TRACKS.values())):
        mix = synth.song(4711, names[n % len(names)], n, 12.0).mix.mean(0, keepdims=True)
        file = io.BytesIO()
        np.save(file, codecs.encode(codec, mix.astype(np.float32)))
        members.append([Member(f"t{n:02d}", "mix.npy", file.getvalue())])
    shards.write(where / "tokens/dubstep", members)
    ids = iter(range(len(members)))
    for side, count in TRACKS.items():
        found = [next(ids) for _ in range(count)]
        tracks = [Track(f"t{n:02d}", file_path="", sub_genre=names[n % len(names)], tier=1) for n in found]
        write_tracks(where / f"splits/{side}.csv", tracks)


def evaluate(where: Path, environment: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Run the stage in the folder, as a user would; returns the bytes of its metrics and of its table of clips."""
    arguments = [
        f"--{name}={value}"
        for name, value in {
            "model": "models/base", "base": "models/base", "codec": "models/codec", "tokens": "tokens",
            "splits": "splits", "samples": f"samples/{SETS[0]}", "against": f"samples/{SETS[1]}",
            "kit": kit.KIT / "tagger", "separator": kit.KIT / "separator",
            "classifier": "classifier.json", "metrics": "metrics.json", "clips": "clips.csv",
        }.items()
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(ROOT / "src/evaluate.py"), SETS[0], *arguments],
        cwd=where, env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return (where / "metrics.json").read_bytes(), (where / "clips.csv").read_bytes()
