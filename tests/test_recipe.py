"""Recipes: each applies to params.yaml as it is, changes values, adds whole entries, and keeps the comments."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

import recipe
from lowend import params
from lowend.audio.stems import SeparateConfig
from lowend.audio.views import NormalizeConfig
from lowend.captions import CaptionConfig
from lowend.clips import read_prompts
from lowend.errors import UserError
from lowend.models import base
from lowend.training import stage
from lowend.training.config import TrainConfig
from lowend.training.data import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
BEFORE = {"starter-full-ablation": ["starter-full", "ablation"]}
"""What a recipe is written over, where that is not params.yaml as it comes."""
PUBLISHED = ["hybrid", "lora-24gb", "production-dubstep", "quick-hiphop", "stereo"]


def leaves(tree: dict, where: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        found |= leaves(value, f"{where}{key}.") if isinstance(value, dict) else {f"{where}{key}": value}
    return found


def load(path: Path) -> dict[str, object]:
    return leaves(YAML(typ="safe").load(path))


def comments(path: Path) -> list[str]:
    return [" ".join(c.split()) for c in re.findall(r"#.*", path.read_text())]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.setattr(recipe, "RECIPES", ROOT / "recipes")

    def _run(*args: str) -> Path:
        for other in BEFORE.get("".join(args), []):
            _run(other)
        monkeypatch.setattr("sys.argv", ["recipe.py", *args, "--params", str(tmp_path / "params.yaml")])
        recipe.main()
        return tmp_path / "params.yaml"

    return _run


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_sets_its_leaves_and_nothing_else(run, name: str) -> None:  # type: ignore[no-untyped-def]
    before = ROOT / "params.yaml"
    for other in BEFORE.get(name, []):
        before = run(other)
    wanted = load(before) | load(ROOT / f"recipes/{name}.yaml")
    path = run(name)
    assert load(path) == wanted
    assert comments(path) == comments(ROOT / "params.yaml")
    once = path.read_bytes()
    assert run(name).read_bytes() == once, "a second time changes nothing"


@pytest.mark.parametrize("name", RECIPES)
def test_after_any_recipe_starter_goes_back_to_what_the_repository_comes_with(run, name: str) -> None:  # type: ignore[no-untyped-def]
    run(name)
    was = load(ROOT / "params.yaml")
    assert {key: value for key, value in load(run("starter")).items() if key in was} == was


def test_numbers_and_lists_are_written_as_the_recipe_has_them(run) -> None:  # type: ignore[no-untyped-def]
    text = run("production-dubstep").read_text()
    assert re.search(r"^lr: 1\.0e-05 +#", text, re.M)
    assert re.search(r"^  band_weights: \[2\.0, 1\.0, 0\.5\] +# weight of 20-200 Hz", text, re.M)


def test_only_what_changes_is_told() -> None:
    params = {"train": {"steps": 90, "lr": 1.0}, "seed": 0}
    assert recipe.overlay(params, {"train": {"steps": 4}, "seed": 0}) == ["train.steps: 90 -> 4"]
    assert params == {"train": {"steps": 4, "lr": 1.0}, "seed": 0}


def test_without_a_name_recipes_are_listed_with_what_they_are_for(run, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    path = run()
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in lines] == RECIPES and all(len(text) > 20 and text[0] != "#" for _, text in lines)
    assert path.read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_an_unknown_recipe_names_the_known_ones(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=rf"no recipe 'huge'; there are {', '.join(RECIPES)}"):
        run("huge")


@pytest.mark.parametrize(("text", "name"), [("train: 90\n", "train"), ("lr: {peak: 1.0}\n", "lr")])
def test_a_section_stays_a_section(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    monkeypatch.setattr(recipe, "RECIPES", tmp_path)
    with pytest.raises(UserError, match=f"`{name}` is a section in params.yaml or in the recipe, but not in both"):
        run("mine")


def test_a_half_wrong_recipe_writes_nothing(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "mine.yaml").write_text("train: {steps: 1, step: 2}\n")
    monkeypatch.setattr(recipe, "RECIPES", tmp_path)
    with pytest.raises(UserError, match=r"`train\.step` is not in params\.yaml"):
        run("mine")
    assert (tmp_path / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


ENTRY = "curriculum: {again: {init: joint, genre: dubstep, view: mix, lr_scale: 0.1"
REST = ", steps_scale: 1.0, sampling_scale: 1.0, captions: own, replay: hiphop, replay_share: 0.5}}\n"


def test_a_new_entry_comes_last_and_the_next_section_stays_apart(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(ENTRY + REST)
    monkeypatch.setattr(recipe, "RECIPES", tmp_path)
    before = (ROOT / "params.yaml").read_text().splitlines()
    after = run("mine").read_text().splitlines()
    end = before.index("generate:") - 1
    assert before[end] == "" and [*before[:end], *before[end:]] == [*after[:end], *after[end + 10 :]]
    assert after[end] == "  again:" and after[end + 1 : end + 10][0] == "    init: joint"


def test_comments_around_a_new_entry_stay_where_they_were(tmp_path: Path) -> None:
    yaml = YAML()
    path = tmp_path / "params.yaml"
    path.write_text("generations:\n  a:\n    model: base   # of a\n\n# what follows\nseed: 0\n")
    params = yaml.load(path)
    recipe.overlay(params, {"generations": {"b": {"model": "joint"}}})
    yaml.dump(params, path)
    assert path.read_text() == (
        "generations:\n  a:\n    model: base   # of a\n  b:\n    model: joint\n\n# what follows\nseed: 0\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ENTRY + "}}",
            "`curriculum.again` is new in params.yaml, so it needs steps_scale, sampling_scale, captions, replay",
        ),
        (
            "generations: {again: joint}",
            "`generations.again` is new in params.yaml, so it needs model, genre, prompts too",
        ),
        ("forgetting: {again: {model: joint}}", "`forgetting.again` is new in params.yaml, so it needs against, genre"),
        ("train: {again: {steps: 1}}", "`train.again` is not in params.yaml"),
        ("curriculum: {joint: {steps: 1}}", "`curriculum.joint.steps` is not in params.yaml"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    monkeypatch.setattr(recipe, "RECIPES", tmp_path)
    with pytest.raises(UserError, match=re.escape(message)):
        run("mine")
    assert (tmp_path / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.parametrize("name", ["ablation", "starter-full-ablation"])
def test_the_ablation_trains_as_long_and_as_fast_as_the_lane_that_it_stands_beside(run, name: str) -> None:  # type: ignore[no-untyped-def]
    path = run(name)
    curriculum = YAML(typ="safe").load(path)["curriculum"]
    for genre in ("hiphop", "dubstep"):
        lane, model = 0.0, f"{genre}-full"
        while model != "base":
            lane, model = lane + curriculum[model]["steps_scale"], curriculum[model]["init"]
        assert curriculum[f"{genre}-direct"]["steps_scale"] == lane
        for scale in ("lr_scale", "sampling_scale"):
            assert curriculum[f"{genre}-direct"][scale] == curriculum[f"{genre}-full"][scale]
        assert curriculum[f"{genre}-shuffled"] == curriculum[f"{genre}-direct"] | {"captions": "shuffled"}


def touches(path: str, other: str) -> bool:
    """Whether one is the other, or a folder above it."""
    a, b = Path(path), Path(other)
    return a == b or a in b.parents or b in a.parents


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's own
@pytest.mark.parametrize("name", RECIPES)
def test_dvc_builds_the_graph_of_a_recipe(run, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    run(name)
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        repo.check_graph(repo.index.stages)
        stages = {made.name: made for made in repo.index.stages}
        outs = [out.def_path for made in stages.values() for out in made.outs]
        deps = {dep.def_path for made in stages.values() for dep in made.deps if dep.def_path != "params.yaml"}
    keys = YAML(typ="safe").load(tmp_path / "params.yaml")
    sections = {"train": "curriculum", "generate": "generations", "evaluate": "evaluations", "report": "evaluations"}
    sections["forget"] = "forgetting"
    for kind, section in sections.items():
        assert {f"{kind}@{key}" for key in keys[section]} == {one for one in stages if one.startswith(f"{kind}@")}
    missing = {dep for dep in deps if not any(touches(dep, out) for out in outs) and not (ROOT / dep).exists()}
    assert not missing, "what a stage reads is in git, or some stage makes it"


@pytest.mark.parametrize("name", RECIPES)
def test_clips_are_held_against_those_of_the_same_prompts(run, name: str) -> None:  # type: ignore[no-untyped-def]
    written = YAML(typ="safe").load(run(name))
    made = written["generations"]
    for key, asked in written["evaluations"].items():
        assert made[key] == {**made[asked["against"]], "model": made[key]["model"]}, "the same genre and prompts"
        assert read_prompts(ROOT / f"prompts/{made[key]['prompts']}.csv", written["generate"]["clips"])


@pytest.mark.parametrize("name", RECIPES)
def test_every_stage_of_a_recipe_accepts_its_settings(run, name: str) -> None:  # type: ignore[no-untyped-def]
    written = YAML(typ="safe").load(run(name))
    params.build(SeparateConfig, written["separate"], "separate")
    views = params.build(NormalizeConfig, written["normalize"], "normalize").views
    params.build(CaptionConfig, written["caption"], "caption")
    config = params.build(TrainConfig, written["train"], "train")
    for key, section in written["curriculum"].items():
        lesson = params.build(stage.StageConfig, section, f"curriculum.{key}")
        assert stage.scaled(config, lesson, key).steps >= config.validate_every, "it is validated before it ends"
        for genre in {lesson.genre, lesson.replay if lesson.replay_share else lesson.genre}:
            tokenised = written["encode"]["views"][genre]
            assert set(tokenised) <= set(views) and lesson.view in {*tokenised, *SECTIONS}, (key, genre)
    assert written["generate"]["clips"] <= 100, "as many prompts as a genre has"
    assert written["release"] in written["curriculum"]


@pytest.mark.parametrize(
    ("name", "lane", "model"),
    [
        ("quick-hiphop", {"hiphop-full": (1e-4, 60)}, "medium"),
        ("production-dubstep", {"dubstep-bass": (1e-5, 360), "dubstep-full": (5e-6, 540)}, "medium"),
        ("hybrid", {"hiphop-drums": (5e-6, 400), "hiphop-bass-drums": (5e-6, 400), "hiphop-full": (1e-5, 400),
                    "hybrid": (5e-6, 400), "joint": (1e-6, 400)}, "small"),
        ("lora-24gb", {"hiphop-drums": (5e-5, 400), "hiphop-bass-drums": (5e-5, 400), "hiphop-full": (1e-4, 400)},
         "medium"),
    ],
)  # fmt: skip
def test_a_lane_takes_the_steps_and_rates_that_its_recipe_tells(  # type: ignore[no-untyped-def]
    run, name: str, lane: dict[str, tuple[float, int]], model: str
) -> None:
    written = YAML(typ="safe").load(run(name))
    key, found = list(lane)[-1], {}
    while key != "base":
        entry = written["curriculum"][key]
        rate, steps = written["lr"] * entry["lr_scale"], written["train"]["steps"] * entry["steps_scale"]
        found[key] = (pytest.approx(rate), steps)
        key = entry["init"]
    assert list(reversed(found)) == list(lane) and all(found[key] == lane[key] for key in lane)
    assert written["base"]["model"] == f"facebook/musicgen-{model}"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_asks_for_its_commit_before_anything_is_fetched(run, name: str) -> None:  # type: ignore[no-untyped-def]
    written = YAML(typ="safe").load(run(name))
    config = params.build(base.BaseConfig, written["base"], "base")
    with pytest.raises(UserError, match="`base.revision` must hold the commit of facebook/musicgen-"):
        base.locate(config, ROOT / "starter/kit/musicgen")


def test_the_settings_that_the_training_page_shows_are_accepted() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/training.md").read_text(), re.S | re.M)
    assert blocks
    for block in blocks:
        tree = YAML(typ="safe").load(ROOT / "params.yaml")
        assert recipe.overlay(tree, YAML(typ="safe").load(block)), block
        params.build(TrainConfig, tree["train"], "train")
