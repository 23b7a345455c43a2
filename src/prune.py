"""Delete what no stage owns any more: output folders, and entries of dvc.lock.

DVC leaves both behind when a source or a curriculum key is removed, and stages that depend on a
whole folder would still see them.

By hand: python src/prune.py [--dry]
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from dvc.repo import Repo
from dvc.utils.serialize import dump_yaml, load_yaml

from lowend.errors import UserError, script

ROOTS = ("data", "models", "reports", "metrics")
KEEP = frozenset({"README.md"})


def orphans(root: Path, owned: set[Path]) -> list[Path]:
    """Topmost paths below `root` that neither are, hold, nor lie in an owned output."""
    found = []
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if path in owned or path.name in KEEP:
            continue
        if any(path in out.parents for out in owned):
            found += orphans(path, owned)
        else:
            found.append(path)
    return found


def forget(lock: Path, stages: set[str], dry: bool) -> list[str]:
    """Remove the entries of dvc.lock that are not in `stages`; returns their names."""
    if not lock.exists():
        return []
    content = load_yaml(lock)
    gone = sorted(set(content.get("stages", {})) - stages)
    if gone and not dry:
        content["stages"] = {name: entry for name, entry in content["stages"].items() if name in stages}
        dump_yaml(lock, content)
    return gone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="only say what would be deleted")
    args = parser.parse_args()
    try:
        with Repo(".") as repo:
            owned = {Path(out.fs_path).relative_to(repo.root_dir) for out in repo.index.outs}
            stages = {stage.addressing for stage in repo.index.stages}
    except Exception as error:  # DVC raises many kinds for a broken dvc.yaml or params.yaml
        raise UserError(f"dvc.yaml or params.yaml cannot be read: {error}") from error
    done = "would delete" if args.dry else "deleted"
    for name in forget(Path("dvc.lock"), stages, args.dry):
        logging.info("%s the entry %s of dvc.lock: there is no such stage", done, name)
    for root in ROOTS:
        for path in orphans(Path(root), owned):
            logging.info("%s %s: no stage owns it", done, path)
            if args.dry:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


if __name__ == "__main__":
    script(main)
