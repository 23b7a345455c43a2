"""A training step of MusicGen: ours, audiocraft's and transformers', with the same weights, codes and loss.

By hand: python benchmarks/training.py [--rounds 5] [--only starter]
A step is forward and backward over cached codes and text embeddings, set up as training does; group `update`
has what comes after it, clipping and AdamW, with our gradients in bfloat16 and with torch's in float32. Each
side is a process of its own; the sides of a group are alive together and take one step each in turn, so that
what else the machine does hits all alike. Before any timing, losses must agree: within 1e-5 in float32, 1e-2
in bfloat16. Memory is the largest resident size less that after the imports. GFLOPS stand beside those of a
product of square matrices in the same type on the same threads.
Groups `parts` say what gave what; `codec` and `text` are what a solver adds that encodes audio and text in
every step (ours encodes text). `long` is a batch whose activations outweigh the weights: it is stepped once,
for its memory, one side after the other. The last line is JSON: `ratio` is audiocraft's time over ours under
bfloat16 at the shape of musicgen-small.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lowend import params
from lowend.models import allocator, codebooks, musicgen, transformers_format
from lowend.training import optimizers
from lowend.training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
SEED = 79_000
TOLERANCE = {"fp32": 1e-5, "bf16": 1e-2}
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Case:
    """Sizes of a model and of the batch that it learns from."""

    name: str
    width: int
    layers: int
    heads: int
    card: int
    rows: int
    frames: int
    threads: int
    text: int = 16  # positions of the text

    @property
    def gflop(self) -> float:
        """Of the matrix products of a step: three times those of its forward pass."""
        d, t = self.width, self.frames
        read = self.layers * 2 * d * d * self.text
        each = self.layers * (14 * d * d + d * t + 2 * d * self.text) + 4 * d * self.card
        return 6 * self.rows * (each * t + read) / 1e9


CORES = len(os.sched_getaffinity(0))
CASES = {
    "starter": Case("starter", 144, 5, 3, 1024, 8, 200, 1),
    "small": Case("small", 1024, 24, 16, 2048, 1, 250, min(2, CORES)),
    "long": Case("long", 1024, 24, 16, 2048, 2, 1500, min(2, CORES)),
}


@dataclass(frozen=True, slots=True)
class Side:
    """Whose step, in which type; whether freed memory is kept, and activations are computed again."""

    who: str
    precision: str
    keep: bool = False
    checkpointing: bool = False

    @property
    def label(self) -> str:
        """What a row calls it."""
        extras = [name for name, on in (("memory kept", self.keep), ("checkpointing", self.checkpointing)) if on]
        return ", ".join([self.who, self.precision, *extras])


def groups(case: str) -> dict[str, list[Side]]:
    """Sides that are timed in turn."""
    lean = Side("ours", "bf16", keep=True, checkpointing=True)
    if case == "long":
        return {s.label: [s] for s in (Side("audiocraft", "bf16"), Side("ours", "bf16", keep=True), lean)}
    found = {
        precision: [Side("audiocraft", precision), Side("transformers", precision), Side("ours", precision, keep=True)]
        for precision in ("fp32", "bf16")
    }
    if case == "small":
        found["parts"] = [
            Side("audiocraft", "bf16", keep=True),
            Side("ours", "bf16"),
            lean,
        ]
        found["update"] = [Side("update", "bf16", keep=True), Side("update", "fp32", keep=True)]
        found |= {who: [Side(who, "fp32")] for who in ("codec", "text")}
    return found


def config(case: Case) -> dict[str, Any]:
    """`xp.cfg` of a case."""
    decoder = {
        "num_codebooks": 4, "vocab_size": case.card, "hidden_size": case.width, "num_attention_heads": case.heads,
        "num_hidden_layers": case.layers, "ffn_dim": 4 * case.width, "activation_function": "gelu",
    }  # fmt: skip
    text = {"_name_or_path": str(ROOT / "starter/kit/musicgen/t5")}
    return transformers_format.config_of(
        {"model_type": "musicgen", "decoder": decoder, "text_encoder": text, "audio_encoder": {"sampling_rate": 32000}}
    )


def inputs(case: Case) -> tuple[Tensor, Tensor]:
    """Codes [B, K, T] and the condition's embedding [B, L, D]."""
    generator = torch.Generator().manual_seed(SEED)
    codes = torch.randint(case.card, (case.rows, 4, case.frames), generator=generator)
    return codes, 0.3 * torch.randn(case.rows, case.text, case.width, generator=generator)


def weights(case: Case) -> dict[str, Tensor]:
    """The same random weights for every side."""
    torch.manual_seed(SEED)
    return musicgen.build(config(case), None, "cpu").state_dict()


Loss = Callable[[], Tensor]


def optimizer(lm: musicgen.MusicGen, side: Side) -> torch.optim.Optimizer:
    """That of training, which says what types gradients have."""
    section = params.load("train", path=ROOT / "params.yaml")["train"] | {"precision": side.precision}
    return optimizers.build(lm, params.build(TrainConfig, section, "train"), 1e-5)


def update(case: Case, side: Side) -> tuple[torch.nn.Module, Loss]:
    """Clipping and AdamW on gradients of a side's type; its "loss" is their norm."""
    lm = musicgen.build(config(case), None, "meta")
    lm.load_state_dict(weights(case), assign=True)
    adamw = optimizer(lm, side)
    generator = torch.Generator().manual_seed(SEED)
    grads = [torch.randn(p.shape, generator=generator).to(TYPES[side.precision]) for p in lm.parameters()]

    @torch.no_grad()
    def step() -> Tensor:
        for parameter, grad in zip(lm.parameters(), grads, strict=True):
            parameter.grad = grad
        norm = optimizers.clip(adamw, 1.0)
        adamw.step()
        return torch.tensor(norm)

    return lm, step


def ours(case: Case, side: Side) -> tuple[torch.nn.Module, Loss]:
    lm = musicgen.build(config(case), None, "meta")
    lm.load_state_dict(weights(case), assign=True)
    lm.transformer.checkpointing = side.checkpointing
    optimizer(lm, side)
    codes, text = inputs(case)
    conditions = {"description": (text, torch.ones(text.shape[:2]))}
    return lm, lambda: musicgen.cross_entropy(lm, codes, conditions).mean()


def audiocraft(case: Case, side: Side) -> tuple[torch.nn.Module, Loss]:
    """Its LMModel, and its solver's loss."""
    from audiocraft.models import builders
    from audiocraft.modules.conditioners import T5Conditioner
    from omegaconf import OmegaConf

    settings = config(case)
    name = settings["conditioners"]["description"]["t5"]["name"]
    T5Conditioner.MODELS.append(name)
    T5Conditioner.MODELS_DIMS[name] = json.loads((Path(name) / "config.json").read_text())["d_model"]
    lm = builders.get_lm_model(OmegaConf.create({**settings, "device": "cpu", "dtype": "float32"}))
    lm.load_state_dict(weights(case))
    codes, text = inputs(case)
    conditions = {"description": (text, torch.ones(text.shape[:2]))}

    def loss() -> Tensor:
        out = lm.compute_predictions(codes, [], conditions)
        total = torch.zeros([])
        for k in range(codes.shape[1]):
            valid = out.mask[:, k].reshape(-1)
            logits = out.logits[:, k].contiguous().view(-1, case.card)[valid]
            total += F.cross_entropy(logits, codes[:, k].contiguous().view(-1)[valid])
        return total / codes.shape[1]

    return lm, loss


def transformers(case: Case, side: Side) -> tuple[torch.nn.Module, Loss]:
    """Its decoder, with labels cut so that its loss is audiocraft's."""
    import transformers as hf

    sizes = hf.MusicgenDecoderConfig(
        vocab_size=case.card, hidden_size=case.width, num_hidden_layers=case.layers, num_attention_heads=case.heads,
        ffn_dim=4 * case.width, dropout=0.0, pad_token_id=case.card, bos_token_id=case.card,
    )  # fmt: skip
    lm = hf.MusicgenForCausalLM(sizes)
    state = transformers_format.to_transformers(weights(case))
    lm.load_state_dict({k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.")})
    codes, text = inputs(case)
    delays = musicgen.Shape.of(config(case)).delays
    labels = codebooks.delay(codes, delays, case.card)[..., : case.frames].transpose(1, 2)
    return lm, lambda: lm(labels=labels, encoder_hidden_states=text, use_cache=False).loss


def codec(case: Case, side: Side) -> tuple[torch.nn.Module, Loss]:
    """EnCodec at 32 kHz with random weights on the audio of a batch."""
    import transformers as hf

    torch.manual_seed(SEED)
    model = hf.EncodecModel(
        hf.EncodecConfig(
            sampling_rate=32000, upsampling_ratios=[8, 5, 4, 4], num_filters=64, codebook_size=2048,
            codebook_dim=128, target_bandwidths=[2.2], use_causal_conv=False, norm_type="weight_norm",
        )
    )  # fmt: skip
    wav = torch.randn(case.rows, 1, case.frames * 640)
    return model, torch.no_grad()(lambda: model.encode(wav).audio_codes.float().mean())


def text(case: Case, side: Side) -> tuple[torch.nn.Module, Loss]:
    """t5-base with random weights on the captions of a batch."""
    import transformers as hf

    torch.manual_seed(SEED)
    model = hf.T5EncoderModel(hf.T5Config(d_model=768, d_ff=3072, num_layers=12, num_heads=12)).eval()
    ids = torch.randint(3, 32000, (case.rows, case.text))
    return model, torch.no_grad()(lambda: model(ids).last_hidden_state.mean())


MAKERS = {
    "ours": ours,
    "audiocraft": audiocraft,
    "transformers": transformers,
    "codec": codec,
    "text": text,
    "update": update,
}


def resident_mb() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def work(case: Case, side: Side) -> None:
    """A side's process: one step for every line on stdin; prints seconds and loss, and at the end its memory."""
    import audiocraft.models  # noqa: F401  (all sides pay for the same imports)
    import transformers.models.musicgen.modeling_musicgen  # noqa: F401

    torch.set_num_threads(case.threads)
    if side.keep:
        allocator.keep_freed_memory()
    before = resident_mb()
    lm, loss = MAKERS[side.who](case, side)
    lm.train()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget what building the weights took
    for _ in sys.stdin:
        start, start_cpu = time.perf_counter(), time.process_time()
        lm.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=side.precision == "bf16"):
            value = loss()
        if value.requires_grad:
            value.backward()
        taken = {"s": time.perf_counter() - start, "cpu_s": time.process_time() - start_cpu}
        print(json.dumps({**taken, "loss": value.item()}), flush=True)
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    fallback = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"memory_mb": min(peak_mb, fallback) - before}), flush=True)


def start(case: Case, side: Side) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--work", json.dumps([case.name, asdict(side)])]
    env = {**os.environ, "OMP_NUM_THREADS": str(case.threads), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    )


def step(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"a side died with {process.wait()}")
    return json.loads(answer)


def limit_gflops(precision: str, threads: int) -> float:
    """GFLOPS of the fastest of several products of square matrices."""
    torch.set_num_threads(threads)
    a = torch.randn(2048, 2048).to(TYPES[precision])
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - begin)
    return 2 * 2048**3 / min(times) / 1e9


def time_group(case: Case, sides: list[Side], rounds: int) -> list[dict[str, Any]]:
    """Check that the sides agree, then time their steps in turn; without rounds the checked step is what is timed."""
    processes = [start(case, side) for side in sides]
    checked = [step(process) for process in processes]
    first = [one["loss"] for one in checked]
    if max(first) - min(first) > TOLERANCE[sides[0].precision] * max(1.0, abs(first[0])):
        raise SystemExit(f"losses of {[side.label for side in sides]} differ: {first}")
    turns = [[step(process) for process in processes] for _ in range(rounds)] or [checked]
    steps = list(zip(*turns, strict=True))
    limit = limit_gflops(sides[0].precision, case.threads)
    rows = []
    for side, process, loss, found in zip(sides, processes, first, steps, strict=True):
        rest, _ = process.communicate()
        taken = [one["s"] for one in found]
        best = min(taken)
        row = {
            "case": case.name,
            "side": side.label,
            "s": round(best, 4),
            "median_s": round(statistics.median(taken), 4),
        }
        row |= {
            "max_s": round(max(taken), 4),
            "loss": round(loss, 5),
            "memory_mb": round(json.loads(rest)["memory_mb"]),
        }
        if side.who in ("ours", "audiocraft", "transformers"):
            row |= {"gflops": round(case.gflop / best), "limit_gflops": round(limit)}
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Times (and memory) of the others over ours, for each shape and precision."""
    by = {(row["case"], row["side"]): row for row in rows}
    found = {}
    for (case, side), row in by.items():
        other, _, precision = side.partition(", ")
        if other not in ("audiocraft", "transformers") or precision not in TYPES:
            continue
        mine, lean = (by.get((case, Side("ours", precision, True, leaner).label)) for leaner in (False, True))
        assert mine is not None, f"{case}: ours was not timed in {precision}"
        name = f"{case}, {precision}, {other}"
        found[name] = round(row["median_s"] / mine["median_s"], 3)
        found[f"{name}, memory of ours"] = round(mine["memory_mb"] / row["memory_mb"], 3)
        if lean is not None and other == "audiocraft":
            found[f"{name}, memory of ours, checkpointing"] = round(lean["memory_mb"] / row["memory_mb"], 3)
        if side == "audiocraft, fp32":
            narrow = by[case, Side("ours", "bf16", keep=True).label]
            found[f"{case}, audiocraft fp32 over ours bf16"] = round(row["median_s"] / narrow["median_s"], 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(CASES))
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        name, side = json.loads(args.work)
        work(CASES[name], Side(**side))
        return
    rows = []
    for case in (CASES[args.only],) if args.only else CASES.values():
        rounds = {"small": args.rounds, "starter": 3 * args.rounds, "long": 0}[case.name]
        for sides in groups(case.name).values():
            rows += time_group(case, sides, rounds)
    by = {(row["case"], row["side"]): row["median_s"] for row in rows}
    judged = args.only or "small"  # `long` has the same sides in bfloat16
    mine, theirs = by[judged, Side("ours", "bf16", keep=True).label], by[judged, "audiocraft, bf16"]
    print(
        json.dumps(
            {
                "name": "training",
                "unit": f"median seconds of a step in bfloat16, shape {judged}; reference: audiocraft",
                "ours": mine,
                "reference": theirs,
                "ratio": round(theirs / mine, 3),
                "ratios": ratios(rows),
                "cases": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
