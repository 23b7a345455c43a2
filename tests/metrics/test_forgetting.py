"""What counts as forgotten: other music that turns into the genre, and another genre that is less likely now."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import kit
import numpy as np
import pytest
import torch

import forget
from lowend import clips, params, shards
from lowend.audio import analysis
from lowend.audio.io import Wave, flac_bytes
from lowend.errors import UserError
from lowend.metrics import evaluation, forgetting, held_out
from lowend.metrics.embedders import EMBEDDERS
from lowend.metrics.evaluation import EvaluateConfig
from lowend.metrics.forgetting import Ears, Folders, ForgettingConfig
from lowend.models import musicgen, tagger
from lowend.models.sampling import Sampling
from lowend.shards import Member
from lowend.synth import song as synth
from lowend.tracks import Track, write_tracks

ROOT = Path(__file__).resolve().parents[2]
CONFIG = EvaluateConfig(
    bootstrap=100, analysis="ear", embedder="starter", parts=(), kld="", clap="", weights="", kld_weights=""
)
CLIPS, SECONDS, RATE = 8, 4, synth.SAMPLE_RATE
TEXT = "folk at 100 BPM in C major"
TEXTS = ("trap hip-hop at 140 BPM in F minor", "boom bap hip-hop at 90 BPM in A minor")


@lru_cache(maxsize=1)
def sounds() -> dict[str, list[Wave]]:
    """Songs of other music, and of the genre."""
    styles = {"other": ("house", "ambient"), "dubstep": ("dubstep", "riddim")}
    cut = slice(4 * RATE, (4 + SECONDS) * RATE)  # the first bars are an intro
    return {
        name: [synth.song(n, both[n % 2], n, 4.0 + SECONDS).mix.mean(0, keepdims=True)[:, cut] for n in range(CLIPS)]
        for name, both in styles.items()
    }


@pytest.fixture(autouse=True)
def ear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "backend", lambda name: lambda wav, rate: analysis.Analysis(100.0, "G major", 1.0))
    monkeypatch.setattr(held_out, "by_model", lambda models, *_: {key: {"one": np.ones(4)} for key in models})
    monkeypatch.setenv("LOWEND_WORKERS", "1")


def folder(path: Path, wavs: list[Wave], seed: int = 0) -> Path:
    prompts = [clips.Prompt(TEXT, "folk", 100.0, "C major")] * len(wavs)
    clips.write(path, prompts, range(seed, seed + len(wavs)), wavs, RATE)
    return path


def asked(samples: Path, before: Path, genre: str = "dubstep") -> Folders:
    nowhere = Path("nowhere")
    prompts = ROOT / f"prompts/{genre}.csv"
    return Folders(nowhere, nowhere, samples, before, nowhere, nowhere, prompts, kit.KIT / "tagger")


def test_a_model_that_answers_everything_with_dubstep_leaks(tmp_path: Path) -> None:
    after, before = folder(tmp_path / "after", sounds()["dubstep"]), folder(tmp_path / "before", sounds()["other"])
    found, rows = forgetting.measure("x", asked(after, before), CONFIG)
    assert found["leak"] > 0.7 > 0.3 > found["against_leak"] and found["leak_change_low"] > 0
    assert found["leak_change"] == pytest.approx(found["leak"] - found["against_leak"], abs=2e-4)
    assert found["drift_mmd"] > found["drift_mmd_chance"] and found["drift_mmd_low"] > 0
    assert (found["tempo_right"], found["key_right"], found["clips"]) == (1, 0, CLIPS)
    assert np.mean([row["leak"] for row in rows]) == pytest.approx(found["leak"], abs=1e-4)
    assert set(rows[0]) == set(forget.COLUMNS) and rows[0]["prompt"] == TEXT
    hiphop, _ = forgetting.measure("x", asked(after, before, "hiphop"), CONFIG)
    assert hiphop["leak"] < 0.2, "only of the genre that was learned"


def test_each_share_of_dubstep_among_the_answers_leaks_more(tmp_path: Path) -> None:
    after, before = folder(tmp_path / "after", sounds()["dubstep"]), folder(tmp_path / "before", sounds()["other"])
    kept = tagger.load(kit.KIT / "tagger")
    ears = Ears(EMBEDDERS["starter"](kit.KIT / "tagger"), kept, ("dubstep", "riddim", "brostep"), None, None)
    dubstep, other = (forgetting.hear(items, ears, "ear") for items in forgetting.pair(after, before))
    found = [forgetting.compare([*dubstep[:n], *other[n:]], other, 100, "x") for n in (0, 2, 4, 8)]
    for name in ("leak", "leak_change", "drift_mmd"):
        rising = [one[name] for one in found]
        assert rising == sorted(rising) and len(set(rising)) == 4, name


def test_a_quieter_clip_is_heard_as_the_same_one(tmp_path: Path) -> None:
    wavs = sounds()["dubstep"][:2]
    loud, quiet = folder(tmp_path / "loud", wavs), folder(tmp_path / "quiet", [wav / 8 for wav in wavs])
    kept, level = tagger.load(kit.KIT / "tagger"), lambda wav, rate: np.array([float(wav.std())])
    ears = Ears(
        EMBEDDERS["starter"](kit.KIT / "tagger"), kept, ("dubstep", "riddim"), level, lambda *heard: heard[0].std()
    )
    for a, b in zip(*(forgetting.hear(items, ears, "ear") for items in forgetting.pair(loud, quiet)), strict=True):
        assert (b.leak, b.clap, b.tags[0]) == pytest.approx((a.leak, a.clap, a.tags[0]), rel=1e-2)
        np.testing.assert_allclose(b.embedded, a.embedded, atol=0.05)


def test_the_same_clips_twice_forgot_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "TAGGERS", {"ear": lambda _: lambda wav, rate: np.array([wav.std(), 0.5])})
    monkeypatch.setattr(evaluation.clap, "load", lambda name: lambda wav, rate, text: float(wav.std()))
    config = replace(CONFIG, kld="ear", clap="folder")
    same = folder(tmp_path / "same", sounds()["other"])
    found, _ = forgetting.measure("x", asked(same, same), config)
    changes = {name for name in found if "_change" in name} | {"drift_mmd", "drift_kld"}
    assert {"tempo_right_change", "key_right_change", "leak_change", "clap_change", "ce_other_change_high"} <= changes
    assert all(found[name] == 0 for name in changes)
    assert 0 < found["clap"] == found["against_clap"] and found["drift_kld_others"] > 0


def test_silent_and_broken_clips_are_counted_and_stay_in_their_pairs(tmp_path: Path) -> None:
    after, before = folder(tmp_path / "after", sounds()["dubstep"]), folder(tmp_path / "before", sounds()["dubstep"])
    (after / "002.flac").write_bytes(b"no audio")
    (after / "005.flac").write_bytes(flac_bytes(np.zeros((1, RATE), np.float32), RATE))
    found, rows = forgetting.measure("x", asked(after, before), CONFIG)
    assert (found["broken_clips"], found["silent_clips"], found["against_silent_clips"]) == (1, 2, 0)
    assert found["tempo_right"] == 0.75 and found["tempo_right_change"] == -0.25
    assert [row["leak"] == 0 for row in rows] == [n in (2, 5) for n in range(CLIPS)], "silence has none of the genre"


def test_what_cannot_be_had_is_marked_or_left_out(tmp_path: Path) -> None:
    same = folder(tmp_path / "same", sounds()["other"])
    config = replace(CONFIG, kld="hear21passt")
    prompts = tmp_path / "polka.csv"
    prompts.write_text("prompt,sub_genre\npolka,polka\n")
    nowhere = Path("nowhere")
    folders = Folders(nowhere, nowhere, same, same, nowhere, nowhere, prompts, kit.KIT / "tagger")
    found, rows = forgetting.measure("x", folders, config)
    assert found["kld_absent"] == 1 and not {"drift_kld", "leak", "clap", "clap_absent"} & set(found)
    assert rows[0]["leak"] is None and "drift_mmd" in found


def test_other_prompts_or_seeds_are_refused(tmp_path: Path) -> None:
    after, before = (
        folder(tmp_path / "after", sounds()["other"]),
        folder(tmp_path / "before", sounds()["other"], seed=1),
    )
    with pytest.raises(UserError, match="answer different prompts or seeds: run the generate stage again"):
        forgetting.pair(after, before)


def test_a_damaged_model_has_forgotten_the_other_genre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The genre is what the model itself makes of its captions: nothing is more likely to it."""
    monkeypatch.undo()
    monkeypatch.chdir(ROOT)
    base = kit.unpack(tmp_path) / "base"
    whole, damaged = narrow(base), narrow(base)
    frames = round(held_out.WINDOW_S * musicgen.FRAME_RATE)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in damaged.parameters():
            weight += 0.5 * weight.std() * torch.randn(weight.shape, generator=draw) if weight.ndim > 1 else 0
    codes = musicgen.generate(whole, TEXTS, range(2), frames, Sampling(1, 0.0, 1.0, 1.0)).numpy().astype(np.int16)
    tracks = [Track(f"t{n}", f"{n}.wav", caption=text, tier=1) for n, text in enumerate(TEXTS)]
    write_tracks(tmp_path / "splits/test.csv", tracks)
    shards.write(tmp_path / "tokens/x", [[Member(t.id, "mix.npy", npy(c))] for t, c in zip(tracks, codes, strict=True)])
    monkeypatch.setattr(musicgen, "load", lambda path, device: {"whole": whole, "damaged": damaged}[path.name])
    nowhere = Path("nowhere")

    def lost(model: str) -> dict[str, float]:
        places = (Path(model), Path("whole"), nowhere, nowhere, tmp_path / "tokens", tmp_path / "splits")
        return forgetting.other_genre(Folders(*places, nowhere, nowhere), 100, "x")

    found = lost("damaged")
    assert found["ce_other"] > found["against_ce_other"] and found["ce_other_change_low"] > 0
    assert found["ce_other_tracks"] == 2
    assert lost("whole")["ce_other_change"] == 0


def narrow(base: Path) -> musicgen.MusicGen:
    """The kit's model in two narrow layers, with random weights that are the same every time."""
    config = json.loads((base / "config.json").read_text())
    config["transformer_lm"] |= {"dim": 24, "num_heads": 2, "num_layers": 2, "card": 64}
    torch.manual_seed(0)
    return musicgen.build(config, base / "t5", "cpu").eval()


def npy(codes: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, codes)
    return file.getvalue()


def test_the_other_genre_is_another_one() -> None:
    entry = {"model": "dubstep-full", "against": "base", "genre": "dubstep", "other": "hiphop"}
    assert params.build(ForgettingConfig, entry, "forgetting.x").other == "hiphop"
    with pytest.raises(UserError, match="`other` must be a genre beside `genre`, got 'dubstep' for both"):
        params.build(ForgettingConfig, entry | {"other": "dubstep"}, "forgetting.x")
