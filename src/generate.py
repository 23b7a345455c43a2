"""Clips of one model for one genre's prompts; the same prompts and seeds for every model.

By hand: python src/generate.py --model models/base --codec models/codec
  --prompts prompts/hiphop.csv --out data/samples/base-hiphop
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tqdm import tqdm

from lowend import clips, params
from lowend.errors import script
from lowend.models import families
from lowend.seeds import seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint folder of the model")
    parser.add_argument("--codec", type=Path, required=True, help="checkpoint folder of the codec")
    parser.add_argument("--prompts", type=Path, required=True, help="CSV file: prompt, sub_genre, bpm, key")
    parser.add_argument("--out", type=Path, required=True, help="folder for clips.csv and <n>.flac")
    parser.add_argument("--clips", type=int, help="how many, instead of generate.clips in params.yaml")
    args = parser.parse_args()
    loaded = params.load("seed", "generate")
    family = families.of(args.model)
    settings = params.build(family.settings, loaded["generate"], "generate")
    prompts = clips.read_prompts(args.prompts, args.clips or settings.clips)
    seeds = [seed(loaded["seed"], args.prompts.stem, n) for n in range(len(prompts))]
    with tqdm(desc="steps", mininterval=2.0) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        texts = [prompt.text for prompt in prompts]
        wavs, rate = family.generate(args.model, args.codec, texts, seeds, settings, on_progress)
    shutil.rmtree(args.out, ignore_errors=True)
    clips.write(args.out, prompts, seeds, wavs, rate)


if __name__ == "__main__":
    script(main)
