"""How long the listening page of 200 clips takes to open in Chromium, from disk, and how heavy it is.

By hand: python benchmarks/page.py [--prompts 100] [--seconds 8] [--repeats 5] [--keep FILE]
The clips are synthesised songs, two passages of one song a prompt; figures and curves are those of a committed
run. Every opening is of a new browser. Counted from the start of navigation: the first paint with content, the
load event, and the first sound that plays when `j` and `p` are pressed after it. The last line is JSON; `ours`
is the median time of the load event and `reference` the two seconds that a page may take.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import sync_playwright

from lowend import clips, report
from lowend.metrics import adherence, sound
from lowend.synth import song as synth
from lowend.tracks import write_csv
from lowend.workers import set_threads

ROOT = Path(__file__).resolve().parents[1]
RUN = "dubstep-full"  # whose figures and curves the page shows
SEED = 88_000
ALLOWED_S, ALLOWED_BYTES = 2.0, 25_000_000
_MARK = "addEventListener('playing', () => window.heard ??= performance.now(), true)"
_TIMES = """() => ({
  load_s: performance.getEntriesByType("navigation")[0].loadEventEnd / 1000,
  paint_s: performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,
  sound_s: window.heard / 1000,
})"""


def inputs(folder: Path, prompts: int, seconds: float) -> tuple[Path, ...]:
    """Clips of both sides, and a table with a row of figures for each; what `report.page` takes."""
    sides: dict[str, list[Any]] = {"model": [], "against": []}
    asked, names = [], synth.sub_genres("dubstep")
    samples = round(seconds * synth.SAMPLE_RATE)
    for n in range(prompts):
        name = names[n % len(names)]
        song = synth.song(SEED, name, n, 2 * seconds)
        bpm, key = float(song.info["bpm"]), str(song.info["key"])
        asked.append(clips.Prompt(f"{name} at {bpm:.0f} BPM in {key}", name, bpm, key))
        for place, side in enumerate(sides):
            sides[side].append(song.mix.mean(0, keepdims=True)[:, place * samples : (place + 1) * samples])
    for side, wavs in sides.items():
        clips.write(folder / side, asked, range(prompts), wavs, synth.SAMPLE_RATE)
    rows = [row(side, prompt, wav) for side, wavs in sides.items() for prompt, wav in zip(asked, wavs, strict=True)]
    write_csv(folder / "found.csv", rows, list(vars(rows[0])))
    figures, curves = ROOT / f"metrics/evaluate/{RUN}.json", ROOT / f"metrics/train/{RUN}"
    return folder / "model", folder / "against", figures, folder / "found.csv", curves


def row(side: str, prompt: clips.Prompt, wav: Any) -> SimpleNamespace:
    """As many figures as evaluate finds; those that need models are made up."""
    low = adherence.low_share(wav, synth.SAMPLE_RATE)
    heard = adherence.Adherence(prompt.bpm, prompt.key, 0.0, True, 0, True, low, False, 0.0, 2.0, 0.1, True)
    near = {"nearest_track": "9cba2a1c82c19c5e", "train_overlap": 0.048, "train_distance": 5.37813}
    more = {"fad": 86.5741, "kld": 0.328422, "clap": 0.31, "is_copy": False, "is_repeated": False, "is_broken": False}
    return SimpleNamespace(side=side, **asdict(heard), **asdict(sound.measure(wav, synth.SAMPLE_RATE)), **near, **more)


def opened(launch: Callable[[], Any], path: Path, prompts: int) -> dict[str, float]:
    """Times of one opening in a new browser, all sounds of which are there."""
    browser = launch()
    page = browser.new_page()
    page.add_init_script(_MARK)
    page.goto(path.as_uri(), wait_until="load")
    page.keyboard.press("j")
    page.keyboard.press("p")
    page.wait_for_function("window.heard")
    found: dict[str, float] = page.evaluate(_TIMES)
    sounds = page.locator("#pairs audio[src^='data:audio/ogg']").count()
    browser.close()
    if sounds != 2 * prompts:
        sys.exit(f"the page holds {sounds} sounds, not {2 * prompts}")
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a clip")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where to keep the page")
    args = parser.parse_args()
    set_threads()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on this machine")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        files = inputs(Path(scratch), args.prompts, args.seconds)
        begun = time.perf_counter()
        html = report.page(RUN, (RUN, "dubstep", "base-dubstep"), *files)
        made_s = time.perf_counter() - begun
        path = args.keep or Path(scratch) / "index.html"
        path.write_text(html, encoding="utf-8")
        size = path.stat().st_size

        def launch() -> Any:
            return playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])

        cases = [opened(launch, path.resolve(), args.prompts) for _ in range(args.repeats)]
    for case in cases:
        print(case)
    middle = {name: statistics.median(case[name] for case in cases) for name in cases[0]}
    about = {"clips": 2 * args.prompts, "megabytes": round(size / 1e6, 2), "made_s": round(made_s, 1)}
    result = {"name": "page", "unit": "s to the load event of a page of clips", "ours": middle["load_s"]}
    result |= {"reference": ALLOWED_S, "ratio": round(ALLOWED_S / middle["load_s"], 2)}
    print(json.dumps({**result, **about, "megabytes_allowed": ALLOWED_BYTES / 1e6, **middle, "cases": cases}))


if __name__ == "__main__":
    main()
