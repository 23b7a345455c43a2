"""A clone of the repository in which the whole graph ran at a tiny size, and commands in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import graph
import numpy as np
import soundfile as sf


def run(where: Path, *command: str, ok: bool = True) -> str:
    """Run a command in the clone; returns stdout and stderr together."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LOWEND_OFFLINE": "1"}
    env |= {"DVC_NO_ANALYTICS": "1", "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "LOWEND_SCRATCH": "scratch"}
    env |= {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t", "PYTHONPATH": str(where / "src")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # users' Pythons leave bytecode beside the code that DVC watches
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert not ok or done.returncode == 0, output[-4000:]
    assert ok or done.returncode != 0, output[-4000:]
    return output


def make(where: Path) -> None:
    """A clone of the working tree's tracked and new files, tiny params, run once from end to end."""
    where.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=graph.ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (graph.ROOT / name).is_file() and not name.startswith(("metrics/", "dvc.lock")):
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(graph.ROOT / name, where / name)
    (where / ".venv").symlink_to(sys.prefix)
    run(where, "git", "init", "-q")
    (where / ".git/info/exclude").write_text(".venv\n")
    run(where, "python", "src/recipe.py", "tiny")
    run(where, "git", "add", "-A")
    run(where, "git", "commit", "-qm", "tiny")
    run(where, "python", "src/parallel.py", "--jobs", "2")
    run(where, "dvc", "repro", "--quiet")
    run(where, "git", "add", "-A")
    run(where, "git", "commit", "-qm", "run")


def reruns(where: Path, *arguments: str) -> set[str]:
    """Stages that would run, if what a changed stage makes changes too."""
    output = run(where, "dvc", "repro", "--dry", "--force-downstream", *arguments)
    return set(re.findall(r"Running stage '([^']+)'", output))


def beat(path: Path, seed: int) -> None:
    """Eight seconds of a pulsed 55 Hz tone in noise of its own, in the format of the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate, rng = 32000, np.random.default_rng(seed)
    pulse = np.sin(2 * np.pi * 55 * np.arange(rate * 8) / rate) * (np.arange(rate * 8) % (rate // 2) < 6000)
    sf.write(path, 0.3 * pulse + 0.02 * rng.standard_normal(rate * 8), rate)


def add_sources(where: Path, entry: str) -> None:
    """Write an entry `sources:` as docs show it in front of those of params.yaml."""
    path = where / "params.yaml"
    path.write_text(re.sub(r"^sources:.*\n", lambda _: entry, path.read_text(), count=1, flags=re.M))
