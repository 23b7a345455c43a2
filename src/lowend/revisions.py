"""Reads params, metrics, splits and reports of a git revision: from git what git holds, from DVC the rest."""

from __future__ import annotations

import csv
import io
import json
import logging
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lowend import changes
from lowend.changes import SIDES, Metrics, Songs
from lowend.errors import UserError

METRICS, SPLITS, REPORTS = "metrics", "data/splits", "reports"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"`git {' '.join(arguments)}` failed: {done.stderr.strip() or 'is this a git repository?'}")
    return done.stdout


def resolve(revision: str) -> str:
    """The commit of a branch, tag or commit.

    Raises:
        UserError: there is none of this name.
    """
    try:
        return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except UserError:
        raise UserError(f"git knows no revision {revision!r}: name a branch, tag or commit that was fetched") from None


def params_at(commit: str) -> dict[str, Any]:
    """params.yaml of a commit."""
    return dict(YAML(typ="safe").load(_git("show", f"{commit}:params.yaml")))


def params_here() -> dict[str, Any]:
    """params.yaml of the working tree, all of it."""
    return dict(YAML(typ="safe").load(Path("params.yaml")))


def metrics_at(commit: str) -> Metrics:
    """Every JSON file below metrics/ of a commit."""
    names = _git("ls-tree", "-r", "--name-only", commit, METRICS).splitlines()
    return _parsed((name, _git("show", f"{commit}:{name}")) for name in names if name.endswith(".json"))


def metrics_here() -> Metrics:
    """Every JSON file below metrics/ of the working tree."""
    paths = sorted(Path(METRICS).rglob("*.json"))
    return _parsed((path.as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def _parsed(files: Iterable[tuple[str, str]]) -> Metrics:
    found = {}
    for name, text in files:
        try:
            found[name.removeprefix(f"{METRICS}/")] = dict(json.loads(text))
        except ValueError as error:
            raise UserError(f"{name} is not JSON ({error}): run the stage that writes it again") from None
    return found


def songs_here(genres: Iterable[str]) -> Songs | None:
    """The splits of the working tree, None where some are not there."""
    return _songs(genres, lambda name: Path(name).read_bytes() if Path(name).exists() else None)


def songs_at(commit: str, genres: Iterable[str]) -> Songs | None:
    """The splits of a commit, from DVC's cache or its remote; None where neither holds them."""
    return _songs(genres, _held(commit))


def _held(commit: str) -> Callable[[str], bytes | None]:
    """Reads files of a commit from DVC's cache or its remote; None where neither holds them."""
    from dvc.api import DVCFileSystem
    from dvc_data.index import DataIndexDirError

    logging.getLogger("dvc").setLevel(logging.ERROR)
    system = DVCFileSystem(".", rev=commit)

    def read(name: str) -> bytes | None:
        try:
            return bytes(system.read_bytes(name))
        except (OSError, DataIndexDirError):
            return None

    return read


def _songs(genres: Iterable[str], read: Callable[[str], bytes | None]) -> Songs | None:
    tables = {}
    for genre in genres:
        for side in SIDES:
            data = read(f"{SPLITS}/{genre}/{side}.csv")
            if data is None:
                return None
            tables[genre, side] = csv.DictReader(io.StringIO(data.decode(), newline=""))
    return changes.songs(tables)


def reports_at(commit: str, keys: Iterable[str], folder: Path) -> set[str]:
    """Write the reports of a commit that DVC holds to `folder`/<key>/index.html; returns their keys."""
    read, found = _held(commit), set()
    for key in keys:
        path = folder / key / "index.html"
        if not path.exists():
            page = read(f"{REPORTS}/{key}/index.html")
            if page is None:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(page)
        found.add(key)
    return found


def reports_here(keys: Iterable[str]) -> set[str]:
    """The keys of the reports of the working tree."""
    return {key for key in keys if (Path(REPORTS) / key / "index.html").exists()}
