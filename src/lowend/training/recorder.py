"""What becomes of a step's figures: DVCLive's curves, a line on the console, and the trackers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dvclive import Live
from tqdm import tqdm

from lowend.audio.io import Wave
from lowend.models.musicgen import FRAME_RATE
from lowend.training import trackers
from lowend.training.config import TrainConfig
from lowend.training.progress import Pace, every, line, memory_gb


@dataclass(frozen=True, slots=True)
class Recorder:
    """DVCLive's log; what takes a step's record, and what takes a clip [C, S] of a step with its name and rate."""

    live: Live
    on_step: Callable[[dict[str, float]], None]
    play: Callable[[int, str, Wave, int], None]


@contextmanager
def recorder(folder: Path, home: Path, key: str, config: TrainConfig) -> Iterator[Recorder]:
    """A fresh DVCLive folder, and the trackers' logs under `home`."""
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    pace = Pace(config.steps, round(config.accumulate * config.batch_size * config.segment_s * FRAME_RATE))
    steps, validations = every(config.steps), every(-(-config.steps // config.validate_every))
    with (
        trackers.opened(home, key) as watching,
        Live(str(folder), dvcyaml=None, save_dvc_exp=False) as live,
        tqdm(total=config.steps, desc=key, mininterval=2.0, bar_format="{desc}: {n}/{total}{postfix}") as bar,
    ):

        def on_step(record: dict[str, float]) -> None:
            step = int(record["step"])
            live.step = step
            kept = {"train": step % steps == 0, "valid": step % (config.validate_every * validations) == 0}
            kept = {kind: keep or step == config.steps for kind, keep in kept.items()}
            for metric, value in record.items():
                if metric != "step" and kept["valid" if metric == "valid_ce" else "train"]:
                    live.log_metric(metric, round(value, 6))
            figures = pace.figures(step)
            for tracker in watching:
                tracker.log(step, {**record, **figures, "memory_gb": memory_gb()})
            bar.set_postfix_str(f"cross-entropy {record['train_ce']:.3f}, {line(figures)}", refresh=False)
            bar.update(step - bar.n)

        def play(step: int, name: str, wav: Wave, rate: int) -> None:
            for tracker in watching:
                tracker.play(step, name, wav, rate)

        yield Recorder(live, on_step, play)
