"""What the builders of the starter kit share: fresh synthetic audio, schedules, resumable state."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from ruamel.yaml import YAML
from tqdm import tqdm

from lowend import cache
from lowend.audio.loudness import Target, track_gain
from lowend.models import codec as codecs
from lowend.models import musicgen
from lowend.models.allocator import keep_freed_memory
from lowend.note_values import WOBBLES
from lowend.synth import song as synth
from lowend.workers import set_threads

HERE = Path(__file__).resolve().parent

STEMS = synth.STEMS
TARGET = Target(-16.0, -1.5, limiter=False, lra=0.0)
"""The loudness that the pipeline gives its tracks."""
FRAMES = 400
"""Of what the language model learns from, eight seconds: positions that training has not seen break the beat."""


@lru_cache(maxsize=1)
def _prepare() -> None:
    """Once a process: a script may want more threads afterwards."""
    set_threads()
    keep_freed_memory()


def params(section: str) -> dict:
    """One section of this folder's params.yaml."""
    _prepare()
    return YAML(typ="safe").load(HERE / "params.yaml")[section]


class Pool:
    """Synthetic songs, a few of which are replaced all the time.

    `songs[i]` is (stems float16 [3, C, S], info). What the pool holds at a step depends only on
    the seed and the step, so a resumed build sees what an uninterrupted one would.
    """

    def __init__(self, seed: int, size: int, every: int, seconds: float, channels: int) -> None:
        self.seed, self.size, self.every = seed, size, every
        self.seconds, self.channels = seconds, channels
        self.names = list(synth.STYLES)
        self.songs: list[tuple[np.ndarray, dict]] = []

    def render(self, index: int) -> tuple[np.ndarray, dict]:
        """Song number `index`: its style cycles, so that every style has the same share."""
        made = synth.song(self.seed, self.names[index % len(self.names)], index, self.seconds)
        stems = np.stack([made.stems[name] for name in STEMS])
        if self.channels == 1:
            stems = stems.mean(1, keepdims=True)
        return stems.astype(np.float16), {**made.info, "sections": made.sections}

    def at(self, step: int) -> list[tuple[np.ndarray, dict]]:
        """The songs of a step; slot i holds the newest song with index = i modulo the size."""
        fresh = step // self.every
        if not self.songs:
            newest = [i + self.size * max(0, math.ceil((fresh - i) / self.size)) for i in range(self.size)]
            self.songs = [self.render(i) for i in tqdm(newest, "synthesis", disable=None)]
        elif step % self.every == 0:
            self.songs[(fresh - 1) % self.size] = self.render(fresh - 1 + self.size)
        return self.songs


@lru_cache(maxsize=1)
def load_packed(models: Path) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The codec and the language model of a kit that `lowend.kit.unpack` laid out."""
    return codecs.load(models / "codec"), musicgen.load(models / "base")


@lru_cache(maxsize=1)
def load_codec(path: Path) -> tuple[torch.nn.Module, str]:
    """A codec that codec.py or decoder.py wrote, in evaluation mode, and its `xp.cfg`."""
    from audiocraft.models import builders
    from omegaconf import OmegaConf

    package = torch.load(path, weights_only=True)
    model = builders.get_compression_model(OmegaConf.create(package["xp.cfg"]))
    model.load_state_dict(package["best_state"])
    return model.eval(), package["xp.cfg"]


def levelled(wav: np.ndarray) -> np.ndarray:
    """[1, S] at the loudness that the pipeline gives its tracks."""
    gain, _ = track_gain(wav, [wav], synth.SAMPLE_RATE, TARGET)
    return wav * np.float32(10 ** (gain.gain_db / 20))


def through_codec(codec: Path, wav: np.ndarray) -> np.ndarray:
    """What a codec makes of [1, S] at the pipeline's loudness, float32 [1, S'] of whole frames."""
    model = load_codec(codec)[0]
    return codecs.decode(model, torch.from_numpy(codecs.encode(model, levelled(wav))[None]).long())[0]


def wobble_class(lfo_hz: float, bar_s: float) -> int:
    """The place in `WOBBLES` of the note value nearest to the rate of a wobble."""
    return int(np.argmin([abs(lfo_hz * bar_s / 4 - turns) for turns in WOBBLES.values()]))


def cosine(step: int, steps: int, peak: float, warmup: int = 60) -> float:
    """Learning rate with linear warm-up and cosine decay to 3 % of the peak."""
    p = min(1.0, step / steps)
    return peak * min(1.0, (step + 1) / warmup) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * p)))


def step_rng(name: str, step: int) -> np.random.Generator:
    """Seed torch and return numpy's generator for one step, so that resuming changes nothing."""
    torch.manual_seed(step)
    return np.random.default_rng([*name.encode(), step])


def run(
    name: str,
    steps: int,
    modules: dict[str, torch.nn.Module],
    optimizers: Sequence[torch.optim.Optimizer],
    peak_lr: float,
    loss_at: Callable[[int], torch.Tensor],
    validate: Callable[[], str],
    validate_every: int,
    inputs: Sequence[Path] = (),
) -> None:
    """The training loop of all models; the same parameters, code and inputs continue where they were."""
    code = [Path(sys.argv[0]), HERE / "common.py", *sorted((HERE.parents[1] / "src/lowend/synth").glob("*.py"))]
    read = cache.files(*code, *inputs)
    scratch = cache.scratch(name, params(name), read).with_suffix(".pt")
    scratch.parent.mkdir(parents=True, exist_ok=True)
    start = 0
    if scratch.exists():
        state = torch.load(scratch, weights_only=True)
        for key, module in modules.items():
            module.load_state_dict(state[key])
        for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        start = state["step"]
        print(f"{name}: continues at step {start}", flush=True)
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    parameters = [p for group in groups for p in group["params"]]
    bar = tqdm(range(start, steps), name, initial=start, total=steps, mininterval=10)
    for step in bar:
        for group in groups:
            group["lr"] = cosine(step, steps, peak_lr) * group.get("scale", 1.0)
        loss = loss_at(step)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        if (step + 1) % validate_every == 0 or step + 1 == steps:
            bar.write(f"{name} step {step + 1}: loss {loss.item():.4f}; {validate()}", file=sys.stderr)
            state = {key: module.state_dict() for key, module in modules.items()}
            state |= {"optimizers": [optimizer.state_dict() for optimizer in optimizers], "step": step + 1}
            torch.save(state, scratch.with_suffix(".tmp"))
            scratch.with_suffix(".tmp").replace(scratch)


def si_sdr_db(estimate: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Scale-invariant SDR in dB of [N, ...] against [N, ...] -> [N] (Le Roux et al., 2019, eq. 2)."""
    estimate, truth = estimate.flatten(1), truth.flatten(1)
    estimate = estimate - estimate.mean(1, keepdim=True)
    truth = truth - truth.mean(1, keepdim=True)
    scale = (estimate * truth).sum(1, keepdim=True) / truth.pow(2).sum(1, keepdim=True).clamp_min(1e-9)
    target = scale * truth
    noise = (estimate - target).pow(2).sum(1).clamp_min(1e-9)
    return 10 * torch.log10(target.pow(2).sum(1).clamp_min(1e-9) / noise)
