"""Clips of the averaged weights at every validation, to hear a stage learn: as many as LOWEND_SAMPLES says.

They are made as the graph makes its clips, by `src/generate.py` in a process of its own, so that training
neither loads a codec nor depends on one. Nothing of them is a result; a failure is told and training goes on.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from lowend.audio.io import Wave, read_flac
from lowend.errors import UserError
from lowend.models import checkpoints

SETTING = "LOWEND_SAMPLES"
_GENERATE = Path(__file__).resolve().parents[2] / "generate.py"


def count() -> int:
    """Clips at a validation, none by default.

    Raises:
        UserError: the setting is no such number.
    """
    told = os.environ.get(SETTING) or "0"
    if not told.isdecimal():
        raise UserError(f"{SETTING} is {told!r}; it wants the number of clips at each validation")
    return int(told)


def make(
    home: Path,
    init: Path,
    prompts: Path,
    play: Callable[[int, str, Wave, int], None],
    step: int,
    weights: Mapping[str, Tensor],
) -> None:
    """Write `home/step-<step>/<n>.flac` and hand each to `play`.

    The codec lies beside `init`, whose config and text encoder the weights go with.
    """
    model, out = home / "model", home / f"step-{step:06d}"
    config, lineage = (checkpoints.read_json(init, name) for name in ("config.json", "lineage.json"))
    checkpoints.write(model, weights, config, lineage, t5=init / "t5")
    words = [sys.executable, str(_GENERATE), "--model", str(model), "--codec", str(init.parent / "codec")]
    words += ["--prompts", str(prompts), "--clips", str(count()), "--out", str(out)]
    # On a team's machine it is no member of the team.
    alone = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    done = subprocess.run(words, capture_output=True, text=True, env=alone)
    shutil.rmtree(model, ignore_errors=True)
    log = logging.getLogger(__name__)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        log.warning("no clips of step %d: %s", step, last)
        return
    for path in sorted(out.glob("*.flac")):
        play(step, f"clip {path.stem}", *read_flac(path.read_bytes()))
    log.info("clips of step %d: %s", step, out)
