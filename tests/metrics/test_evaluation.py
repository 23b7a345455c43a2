"""What an evaluation reports of two sets of clips, what it refuses, and what it goes on without."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import kit
import numpy as np
import pytest
from scipy.signal import lfilter

from lowend import clips, params
from lowend.audio import analysis
from lowend.audio.io import Wave, flac_bytes
from lowend.errors import UserError
from lowend.metrics import adherence, embedders, evaluation, listening, memorisation, reference, sound
from lowend.metrics.classifier import KINDS, Classifier
from lowend.metrics.embedders import Embedder, Embeddings
from lowend.metrics.listening import Judged
from lowend.metrics.reference import Ears, Folders, Real, Trained
from lowend.models import codec as codecs
from lowend.models import tagger
from lowend.models.wobbles import WobbleEar

RATE = 16_000
CLIPS = 9


def dullness(wav: Wave) -> float:
    """How much of a sample is still there in the next one; 0 for silence."""
    power = float(wav[0, :-1] @ wav[0, :-1])
    return float(wav[0, :-1] @ wav[0, 1:]) / power if power > 0 else 0.0


class Ear:
    """An embedder whose embeddings lie where the clip's dullness says; it remembers at which levels it heard."""

    def __init__(self) -> None:
        self.levels: list[float] = []

    def embed(self, wav: Wave, rate: int) -> Embeddings:
        self.levels.append(float(wav.std()))
        draw = np.random.default_rng(round(1e4 * abs(dullness(wav))))
        return 20 * dullness(wav) + draw.standard_normal((5, 3))

    def tags(self, embedded: Embeddings) -> dict[str, float]:
        return {"dullness": float(embedded.mean())}


def real(folders: Folders, ears: Ears, name: str) -> Real:
    found = sounds(0.1, 12)
    return Real(
        tracks=[ears.embedder.embed(*one) for one in found],
        sub_genres=["dubstep"] * 12,
        probabilities=[tagger.probabilities(ears.starter, *one) for one in found],
        low_shares=[0.5] * 12,
        sounds=[sound.measure(*one) for one in found],
        tags=[np.array([0.1, 0.5])],
    )


def encode(codec: object, wav: Wave) -> np.ndarray:
    """A codec's first codebook, made of where the samples lie."""
    return (np.abs(wav[0, : 320 * 50]).reshape(-1, 160).sum(1) * 1e4).astype(np.int64)[None] % 1000


def trained(folders: Folders, ears: Ears, name: str, clip_s: float) -> Trained:
    codes = np.random.default_rng(3).integers(0, 1000, 400)
    windows = [ears.embedder.embed(*one) for one in sounds(0.1, 1)]
    prints = memorisation.Fingerprints([("one", codes)])
    return Trained(prints, windows, [memorisation.Nearest("one", 0.02 * n, 1.0 + n) for n in range(10)])


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    heard = Ear()
    monkeypatch.setattr(embedders, "EMBEDDERS", {"ear": lambda _: Embedder(heard.embed, 30, heard.tags)})
    monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: analysis.Analysis(140.0, "F minor", 1.0))
    monkeypatch.setattr(reference, "real", real)
    monkeypatch.setattr(reference, "trained", trained)
    monkeypatch.setattr(codecs, "load", lambda *_: SimpleNamespace(sample_rate=RATE, channels=1))
    monkeypatch.setattr(codecs, "encode", encode)
    monkeypatch.setenv("LOWEND_WORKERS", "1")
    return heard


def sounds(dull: float, count: int) -> list[tuple[Wave, int]]:
    """Noise whose samples keep a share of the one before, and is as loud as it is dull."""
    draw = np.random.default_rng(0)
    made = (lfilter([1], [1, -dull], draw.normal(0, dull, (1, 2 * RATE))) for _ in range(count))
    return [(wav.astype(np.float32).clip(-0.9, 0.9), RATE) for wav in made]


def folder(path: Path, dull: float, count: int = CLIPS, wobble_hz: float | None = None) -> Path:
    prompts = [clips.Prompt("dubstep at 140 BPM", "dubstep", 140.0, "F minor", wobble_hz=wobble_hz)] * count
    clips.write(path, prompts, range(count), [wav for wav, _ in sounds(dull, count)], RATE)
    return path


def compared(
    mine: Path, theirs: Path, kld: str = "", clap: str = "", parts: tuple[str, ...] = ()
) -> tuple[dict[str, float], list[Judged]]:
    """Metrics, and what was found in the clips of `mine`."""
    metrics, sides = both(mine, theirs, kld, clap, parts)
    return metrics, sides["model"]


def both(
    mine: Path, theirs: Path, kld: str = "", clap: str = "", parts: tuple[str, ...] = ()
) -> tuple[dict[str, float], dict[str, list[Judged]]]:
    nowhere = Path("nowhere")
    folders = Folders(nowhere, nowhere, nowhere, nowhere, nowhere, kit.KIT / "tagger")
    config = evaluation.EvaluateConfig(
        bootstrap=100, analysis="ear", embedder="ear", parts=parts, kld=kld, clap=clap, weights="", kld_weights=""
    )
    unlearned = Classifier("ear", {}, dict.fromkeys(KINDS, "there is one genre"), {})
    subject = evaluation.Subject("x", "dubstep", unlearned)
    return evaluation.compare(subject, mine, theirs, folders, nowhere, config)


def test_the_closer_set_is_closer_by_every_distance_and_is_heard_once(ear: Ear, tmp_path: Path) -> None:
    found, _ = compared(folder(tmp_path / "near", 0.11), folder(tmp_path / "far", 0.2))
    assert len(ear.levels) == 12 + 1 + 2 * CLIPS
    for name in ("fad", "mmd"):
        assert found[name] < found[f"against_{name}"]
        assert found[f"{name}_change"] == pytest.approx(found[name] - found[f"against_{name}"], abs=2e-4)
        assert found[f"{name}_change_low"] <= found[f"{name}_change"] <= found[f"{name}_change_high"] < 0
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert found["real_windows"] == 60 and found["embedding_width"] == 3 and found["clips"] == CLIPS
    assert found["real_low_share"] == 0.5
    assert found["dullness_low"] < found["dullness"] < found["against_dullness"]
    assert found["real_dullness"] == pytest.approx(2, abs=0.5) and "real_dullness_low" not in found
    assert 0 < found["real_genre_probability"] < 1 and "sub_genre_right" in found and "real_sub_genre_right" in found
    assert found["lufs"] < found["against_lufs"] and found["real_lufs"] == pytest.approx(found["lufs"], abs=2)


def test_a_louder_clip_is_not_a_farther_one(ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips are scaled to what a file can hold, and tracks to a loudness: both are heard at one."""
    monkeypatch.setattr(evaluation, "TAGGERS", {"ear": lambda _: lambda wav, rate: np.array([float(wav.std()), 0.5])})
    monkeypatch.setattr(evaluation.clap, "load", lambda name: lambda wav, rate, text: float(wav.std()))
    loud, far, quiet = folder(tmp_path / "loud", 0.11), folder(tmp_path / "far", 0.2), tmp_path / "quiet"
    prompts = [clips.Prompt("dubstep at 140 BPM", "dubstep", 140.0, "F minor")] * CLIPS
    clips.write(quiet, prompts, range(CLIPS), [wav / 8 for wav, _ in sounds(0.11, CLIPS)], RATE)
    as_it_is, turned_down = (compared(one, far, kld="ear", clap="folder")[0] for one in (loud, quiet))
    half = len(ear.levels) // 2
    assert sorted(ear.levels[half:]) == pytest.approx(sorted(ear.levels[:half]), rel=1e-3)
    heard = ("fad", "mmd", "kld", "clap", "dullness", "genre_probability", "sub_genre_right")
    kept = [name for name in as_it_is if name.startswith(heard)]
    assert len(kept) > 3 * len(heard)
    assert {name: turned_down[name] for name in kept} == pytest.approx({n: as_it_is[n] for n in kept}, abs=2e-3)
    assert turned_down["lufs"] == pytest.approx(as_it_is["lufs"] - 18.06, abs=0.1)


def test_the_table_of_clips_has_a_cell_for_every_column(ear: Ear, tmp_path: Path) -> None:
    import evaluate

    _, judged = compared(folder(tmp_path / "near", 0.11), folder(tmp_path / "far", 0.2))
    assert len(judged) == CLIPS and {"side", *judged[0].row()} == set(evaluate.CLIP_COLUMNS)
    assert judged[0].row()["tempo_right"] is True and judged[0].row()["nearest_track"] == "one"


def test_clips_of_both_sides_are_told_of_by_the_same_measure(ear: Ear, tmp_path: Path) -> None:
    near, far = folder(tmp_path / "near", 0.11), folder(tmp_path / "far", 0.2)
    (far / "002.flac").write_bytes(b"no audio")
    (_, sides), (_, turned) = both(near, far), both(far, near)
    assert list(sides) == ["model", "against"] and len(sides["model"]) == len(sides["against"]) == CLIPS
    assert (sides["model"], sides["against"]) == (turned["against"], turned["model"])
    assert [n for n, one in enumerate(sides["against"]) if one.is_broken] == [2]
    assert sides["model"][0].fad < sides["against"][0].fad


def test_broken_and_silent_clips_are_counted_and_stay_in_their_pairs(ear: Ear, tmp_path: Path) -> None:
    mine, theirs = folder(tmp_path / "mine", 0.11), folder(tmp_path / "theirs", 0.2)
    (mine / "003.flac").write_bytes(b"no audio")
    (mine / "004.flac").write_bytes(flac_bytes(np.zeros((1, 2 * RATE), np.float32), RATE))
    found, judged = compared(mine, theirs)
    assert (found["broken_clips"], found["silent_clips"], found["clips"]) == (1, 2, CLIPS)
    assert judged[4].nearest == memorisation.Nearest("", None, None) and not judged[4].is_broken
    assert (found["against_broken_clips"], found["against_silent_clips"]) == (0, 0)
    assert found["tempo_right"] == pytest.approx(7 / 9, abs=1e-4)
    assert judged[3].is_broken and judged[3].nearest.overlap is None and not judged[3].is_copy
    assert judged[3].sound == sound.SILENCE and not judged[2].is_broken


def test_a_clip_that_is_there_twice_is_flagged(ear: Ear, tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine", 0.11)
    (mine / "003.flac").write_bytes((mine / "005.flac").read_bytes())
    found, judged = compared(mine, folder(tmp_path / "theirs", 0.2))
    assert [n for n, one in enumerate(judged) if one.is_repeated] == [3, 5] and found["repeated_clips"] == 2
    assert found["against_repeated_clips"] == 0


def test_what_cannot_be_had_is_marked_and_the_rest_goes_on(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    near, far = folder(tmp_path / "near", 0.11), folder(tmp_path / "far", 0.2)
    plain, _ = compared(near, far)
    assert plain["fad_infinity_absent"] == 1 and not {"kld_absent", "clap_absent", "memorisation_absent"} & set(plain)
    without = Trained(trained(None, listener_ears(ear), "", 0).prints, [np.zeros((1, 3))], [])
    monkeypatch.setattr(reference, "trained", lambda *_: without)
    found, judged = compared(near, far, kld="hear21passt", clap="some/model")
    assert (found["kld_absent"], found["clap_absent"], found["memorisation_absent"]) == (1, 1, 1)
    assert found["fad"] == plain["fad"] and "copied_clips" not in found
    assert judged[0].is_copy is None and judged[0].kld is None
    for reason in ("hear21passt", "its commit (name@commit)", "pieces of held-out tracks", "windows of at"):
        assert reason in caplog.text


def test_a_wobble_is_judged_by_the_kits_ear_where_prompts_ask_for_one(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hears(model: WobbleEar, wav: Wave, rate: int, bpm: float | None) -> float | None:
        assert isinstance(model, WobbleEar) and bpm == 140.0
        return 4.6 if wav.std() < 0.15 else None

    monkeypatch.setattr(adherence.wobbles, "rate_hz", hears)
    near, far = folder(tmp_path / "near", 0.11, wobble_hz=4.67), folder(tmp_path / "far", 0.2, wobble_hz=4.67)
    found, judged = compared(near, far)
    assert (found["wobble_right"], found["against_wobble_right"]) == (1, 0)
    assert {one.adherence.wobble_hz for one in judged} == {4.6}
    free, _ = compared(folder(tmp_path / "a", 0.11), folder(tmp_path / "b", 0.2))
    assert "wobble_right" not in free


def listener_ears(ear: Ear) -> Ears:
    return Ears(Embedder(ear.embed, 30, ear.tags), None, None)


def test_kld_and_clap_are_measured_where_they_are_there(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = folder(tmp_path / "near", 0.11), folder(tmp_path / "far", 0.2)
    tags = lambda wav, rate: np.array([dullness(wav), 0.5])  # noqa: E731
    monkeypatch.setattr(evaluation, "TAGGERS", {"ear": lambda _: tags})
    monkeypatch.setattr(evaluation.clap, "load", lambda name: lambda wav, rate, text: float(len(text)))
    found, judged = compared(near, far, kld="ear", clap="folder")
    assert 0 < found["kld"] < found["against_kld"] and found["clap"] == len("dubstep at 140 BPM")
    assert found["kld_change"] == pytest.approx(found["kld"] - found["against_kld"], abs=2e-4)
    assert found["kld_change_low"] <= found["kld_change"] <= found["kld_change_high"] < 0 == found["clap_change"]
    assert np.mean([one.kld for one in judged]) == pytest.approx(found["kld"], abs=1e-4)


def test_too_few_windows_are_refused_before_anything_is_judged(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "judge", lambda *_: pytest.fail("judged"))
    few, enough = folder(tmp_path / "few", 0.1, 5), folder(tmp_path / "enough", 0.1)
    for sets in ((few, enough), (enough, few)):
        with pytest.raises(
            ValueError, match=r"at least 30 windows of clips, got 25: raise generate\.clips or generate"
        ):
            compared(*sets)
    with pytest.raises(ValueError, match=r"at least 8 clips, got 7: raise generate\.clips"):
        compared(folder(tmp_path / "seven", 0.1, 7), enough)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedder": "vgg"}, "must be one of starter, musicnn, vggish, pann, clap, encodec, got 'vgg'"),
        ({"parts": ["low", "treble"]}, "evaluate.parts holds 'treble'; it may hold low, drums, bass"),
        ({"bootstrap": 99}, "evaluate.bootstrap must be 100 or more, got 99"),
        ({"kld": "vggish"}, "evaluate.kld must be \"\" or one of musicnn, ast, hear21passt, got 'vggish'"),
    ],
)
def test_settings_are_checked(change: dict[str, object], message: str) -> None:
    section = {
        "bootstrap": 100, "analysis": "librosa", "embedder": "musicnn", "parts": ["low"], "kld": "", "clap": "",
        "weights": "", "kld_weights": "",
    }  # fmt: skip
    assert params.build(evaluation.EvaluateConfig, section, "evaluate").embedder == "musicnn"
    with pytest.raises(UserError, match=message):
        params.build(evaluation.EvaluateConfig, section | change, "evaluate")
