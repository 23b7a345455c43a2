"""What a user may rely on: one checkpoint gives the same bytes anywhere, and other seeds alone are no news."""

from __future__ import annotations

import json
import shutil

import numpy as np
import project
import pytest

from lowend import changes, figures
from lowend.metrics import fad, mmd
from lowend.metrics.bootstrap import Estimate

PAIRS, CLIPS = 200, 12


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, bytes]]:
    """Metrics and table of clips of one project in two places, by other numbers of processes and threads."""
    first = project.make(tmp_path_factory.mktemp("first"))
    second = tmp_path_factory.mktemp("elsewhere") / "some/other/clone"
    shutil.copytree(first, second)
    alone = {"LOWEND_WORKERS": "1", "OMP_NUM_THREADS": "1", "LOWEND_SCRATCH": "scratch", "PYTHONHASHSEED": "1"}
    scratch = str(tmp_path_factory.mktemp("scratch"))
    many = {"LOWEND_WORKERS": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    return [
        project.evaluate(first, alone),
        project.evaluate(second, {**many, "LOWEND_SCRATCH": scratch, "PYTHONHASHSEED": "2"}),
    ]


def test_the_same_checkpoint_in_two_clones_gives_the_same_bytes(written: list[tuple[bytes, bytes]]) -> None:
    (metrics, table), (others, other_table) = written
    assert json.loads(metrics) == json.loads(others), "the same figures"
    assert (metrics, table) == (others, other_table), "and the same bytes"
    sides = [line.split(b",")[0] for line in table.splitlines()]
    assert sides == [b"side", *[b"model"] * project.CLIPS, *[b"against"] * project.CLIPS]


def test_clips_of_one_model_with_other_seeds_are_within_noise(written: list[tuple[bytes, bytes]]) -> None:
    """By the diff for a pull request, and by the paired changes.

    Of these five, each with a 95 % interval, one may be called by chance; two are in one pair of seeds of forty.
    """
    found = json.loads(written[0][0])
    paired = {
        name: figures.verdict(found[f"{name}_low"], found[f"{name}_high"])[0]
        for name in found
        if name.endswith("_change")
    }
    assert paired.keys() >= {"ce_change", "fad_change", "low_fad_change", "mmd_change", "kld_change"}
    assert sum(said != "within noise" for said in paired.values()) <= 1
    before = {name.removeprefix("against_"): value for name, value in found.items() if name.startswith("against_")}
    after = {name: found[name] for name in before}
    said = [row.verdict for row in changes.compare({"x.json": before}, {"x.json": after}) if row.verdict]
    assert len(said) > 10 and set(said) == {"within noise"}


def sets(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two sets of clips of one source, five windows each in the starter's sixteen dimensions."""
    draw = np.random.default_rng(seed)
    both = [draw.standard_normal(16) + 0.4 * draw.standard_normal((5, 16)) for _ in range(2 * CLIPS)]
    return both[:CLIPS], both[CLIPS:]


@pytest.mark.parametrize("measure", ["fad", "mmd"])
def test_of_distances_that_did_not_change_hardly_more_than_a_twentieth_is_called_better_or_worse(measure: str) -> None:
    """Twelve clips, as in the default run. Percentile intervals of so few are too narrow by a little, hence a tenth."""
    windows = sets(PAIRS)[0]
    real, held = np.concatenate(windows), mmd.real(windows)

    def change(seed: int) -> Estimate:
        before, after = sets(seed)
        if measure == "fad":
            return fad.change(real, after, before, 100, str(seed))
        return mmd.change(mmd.kernels(held, after), mmd.kernels(held, before), 100, str(seed))

    called = sum(figures.verdict(*change(seed)[1:3])[0] != "within noise" for seed in range(PAIRS))
    assert 1 <= called <= PAIRS / 10
