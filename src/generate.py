"""Clips of one model for one genre's prompts; the same prompts and seeds for every model.

By hand: python src/generate.py --model models/base --codec models/codec
  --prompts prompts/hiphop.csv --out data/samples/base-hiphop
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lowend import clips, params
from lowend.errors import script
from lowend.models import codec as codecs
from lowend.models import devices, musicgen
from lowend.seeds import seed


@dataclass(frozen=True, slots=True)
class Config:
    clips: int
    seconds: float
    top_k: int
    temperature: float
    guidance: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint folder of the language model")
    parser.add_argument("--codec", type=Path, required=True, help="checkpoint folder of the codec")
    parser.add_argument("--prompts", type=Path, required=True, help="CSV file: prompt, sub_genre, bpm, key")
    parser.add_argument("--out", type=Path, required=True, help="folder for clips.csv and <n>.flac")
    args = parser.parse_args()
    loaded = params.load("seed", "generate")
    config = params.build(Config, loaded["generate"], "generate")
    prompts = clips.read_prompts(args.prompts, config.clips)
    seeds = [seed(loaded["seed"], args.prompts.stem, n) for n in range(len(prompts))]
    device = devices.best()
    lm, codec = musicgen.load(args.model, device), codecs.load(args.codec, device)
    frames = round(config.seconds * musicgen.FRAME_RATE)
    with tqdm(total=frames, desc="frames", mininterval=2.0) as bar:
        codes = musicgen.generate(
            lm,
            [prompt.text for prompt in prompts],
            seeds,
            frames,
            config.top_k,
            config.temperature,
            config.guidance,
            lambda done, total: bar.update(done - bar.n) and None,
        )
    shutil.rmtree(args.out, ignore_errors=True)
    clips.write(args.out, prompts, seeds, codecs.decode(codec, codes), codec.sample_rate)


if __name__ == "__main__":
    script(main)
