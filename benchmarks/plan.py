"""The planner's peak memory against what training takes, on seven ways to train.

By hand: python benchmarks/plan.py [--only NAME]
Every case trains four steps of random tokens in a process of its own, two validations and a checkpoint
included, and reports its peak resident memory (`sharded`: that of the first of two processes); the plan is
made without running any of it. The last line is JSON; `ours` and `reference` are GB planned and measured in
the case that is furthest off, `ratio` the first over the second. The text encoder is left out on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from lowend import params
from lowend.models import musicgen
from lowend.models.conditioners import Conditions
from lowend.training import data, loop, memory, planner, team
from lowend.training.config import TrainConfig
from lowend.training.musicgen_family import MusicGenFamily
from lowend.workers import set_threads

ROOT = Path(__file__).resolve().parents[1]
GB = 1024**3
SECTION = params.build(TrainConfig, params.load("train", path=ROOT / "params.yaml")["train"], "train")
PLAIN = replace(
    SECTION, steps=4, batch_size=4, segment_s=5.0, shortest_s=5.0, crops="anywhere", warmup=1, validate_every=2, keep=1
)
CASES = {
    "full": PLAIN,
    "bf16": replace(PLAIN, precision="bf16"),
    "checkpointing": replace(PLAIN, checkpointing=True),
    "lora": replace(PLAIN, method="lora"),
    "frozen": replace(PLAIN, freeze=4, batch_size=2, segment_s=10.0, shortest_s=5.0),
    "accumulated": replace(PLAIN, batch_size=2, accumulate=2, precision="bf16", checkpointing=True),
    "sharded": replace(PLAIN, batch_size=2, accumulate=2, checkpointing=True),
}
SHARDS = {"sharded": 2}


def model() -> dict[str, Any]:
    """Forty million parameters, four times the starter's width."""
    config = planner.published("musicgen-small")
    config["transformer_lm"] |= {"dim": 512, "num_heads": 8, "num_layers": 8, "card": 1024}
    return config


def measured(config: TrainConfig) -> dict[str, float]:
    """Peak resident memory of this process while it trains, and what it held before."""
    program = planner.program_bytes()
    torch.manual_seed(0)
    lm = musicgen.build(model(), None, "cpu")
    text = lm.condition_provider.conditioners["description"].output_proj

    def embed(_: musicgen.MusicGen, texts: list[str | None]) -> Conditions:
        heard = torch.zeros(len(texts), memory.TEXT_TOKENS, text.in_features)
        return {"description": (text(heard), torch.ones(heard.shape[:2]))}

    musicgen.embed = embed
    frames = round(config.segment_s * musicgen.FRAME_RATE)
    codes = np.random.default_rng(0).integers(0, 1024, (8, 4, 2 * frames)).astype(np.int16)
    rows = [data.Tokens(str(n), row, ("text",)) for n, row in enumerate(codes)]
    sampler = data.Sampler(rows, rows, 0.0, config.batch_size, frames, 0.3, 0.3, "plan")
    with tempfile.TemporaryDirectory() as scratch:
        crew = team.join(config.accumulate)
        loop.train(MusicGenFamily(), lm, sampler, config, 1e-5, lambda _: 0.0, Path(scratch), lambda _: None, crew)
    return {"program": program, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def run(name: str) -> dict[str, float]:
    """`measured` of the first of a case's processes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    words, count = [sys.executable, __file__, "--measure", name], SHARDS.get(name, 1)
    team_env = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOWEND_SHARD": "1"}
    processes = [
        subprocess.Popen(words, env={**os.environ, **team_env, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(count)
    ]
    answers = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"{name}: training failed")
    return json.loads(answers[0].splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--measure", choices=CASES, help="used by the benchmark itself")
    args = parser.parse_args()
    set_threads()
    if args.measure:
        print(json.dumps(measured(CASES[args.measure])))
        return
    cases = []
    for name in [args.only] if args.only else CASES:
        taken = run(name)
        program, shards = round(taken["program"]), SHARDS.get(name, 1)
        planned = memory.predict(model(), None, CASES[name], False, program, shards)
        ours, reference = (planned.peak - planned.text) / GB, taken["peak"] / GB
        cases.append({"case": name, "ours": round(ours, 3), "reference": round(reference, 3)})
        cases[-1]["ratio"] = round(ours / reference, 3)
        print(cases[-1], flush=True)
    worst = max(cases, key=lambda case: abs(1 - float(case["ratio"])))
    free = psutil.virtual_memory().available / GB
    print(json.dumps({"name": "plan", "unit": "GB at the peak", **worst, "free_gb": round(free, 1), "cases": cases}))


if __name__ == "__main__":
    main()
