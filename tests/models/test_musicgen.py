"""The language model against audiocraft's own loss, its generation, and the exported folder."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lowend import captions, export
from lowend.errors import UserError
from lowend.models import base, checkpoints, codec, musicgen, tagger
from lowend.sources import synth
from lowend.tracks import Track

ROOT = Path(__file__).resolve().parents[2]
TEXT = "trap hip-hop at 140 BPM in F minor"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    kit, lineage = base.locate(base.BaseConfig("starter", ""), ROOT / "starter/kit/musicgen")
    base.unpack(kit, lineage, folder / "base", folder / "codec")
    return folder


def solver_loss(logits: torch.Tensor, codes: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """audiocraft's MusicGenSolver: mean over codebooks of the mean over valid positions."""
    per_codebook = []
    for k in range(codes.shape[1]):
        valid = mask[:, k].reshape(-1)
        flat = logits[:, k].reshape(-1, logits.shape[-1])[valid]
        per_codebook.append(F.cross_entropy(flat, codes[:, k].reshape(-1)[valid]))
    return torch.stack(per_codebook).mean()


def test_loss_equals_audiocrafts_solver(models: Path) -> None:
    lm = musicgen.load(models / "base")
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (3, 4, 40)))
    with torch.no_grad():
        conditions = musicgen.embed(lm, [TEXT, None, "dubstep"])
        ours = musicgen.cross_entropy(lm, codes, conditions)
        out = lm.compute_predictions(codes, [], conditions)
    assert ours.shape == (3, 4)
    torch.testing.assert_close(ours.mean(), solver_loss(out.logits, codes, out.mask), rtol=1e-5, atol=1e-5)


def test_text_changes_what_is_predicted_and_dropping_it_is_the_null_condition(models: Path) -> None:
    lm = musicgen.load(models / "base")
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (1, 4, 30)))
    with torch.no_grad():
        found = [musicgen.cross_entropy(lm, codes, musicgen.embed(lm, [t])) for t in (TEXT, "ambient", None, "")]
    assert not torch.allclose(found[0], found[1])
    torch.testing.assert_close(found[2], found[3])


def test_a_clip_does_not_depend_on_its_batch(models: Path) -> None:
    lm = musicgen.load(models / "base")
    args = {"frames": 12, "top_k": 50, "temperature": 1.0, "guidance": 3.0}
    other = "drill hip-hop at 143 BPM in A minor"  # as many tokens as TEXT
    both = musicgen.generate(lm, [TEXT, other], [5, 6], **args)
    torch.testing.assert_close(both[1:], musicgen.generate(lm, [other], [6], **args))
    assert not torch.equal(both[1:], musicgen.generate(lm, [other], [7], **args))
    assert both.shape == (2, 4, 12) and both.min() >= 0 and both.max() < 512


def test_the_starters_base_listens_to_captions(models: Path) -> None:
    """Their own captions predict unheard songs better than each other's (0.08 nats over many songs)."""
    lm, enc = musicgen.load(models / "base"), codec.load(models / "codec")
    template = captions.load_template(ROOT / captions.TEMPLATE)
    songs = [synth.song(9001, name, 0, 8.0) for name in ("trap", "dubstep", "lo-fi", "riddim")]
    codes = torch.stack([torch.from_numpy(codec.encode(enc, s.mix.mean(0, keepdims=True))[:, :400]) for s in songs])
    texts = [captions.caption(Track(id="", file_path="", **s.info), template) for s in songs]  # type: ignore[arg-type]
    with torch.no_grad():
        right, wrong = (
            musicgen.cross_entropy(lm, codes.long(), musicgen.embed(lm, said)).mean()
            for said in (texts, [*texts[1:], texts[0]])
        )
    assert wrong - right > 0.02


def test_codec_keeps_the_music(models: Path) -> None:
    enc = codec.load(models / "codec")
    wav = synth.song(9002, "boom bap", 0, 16.0).mix.mean(0, keepdims=True)[:, : 32000 * 8]
    codes = codec.encode(enc, wav)
    made = codec.decode(enc, torch.from_numpy(codes)[None])[0]
    assert codes.dtype == np.int16 and codes.shape == (4, 400)
    n = min(made.shape[1], wav.shape[1])
    windows = [x[0, :n][: n // 3200 * 3200].reshape(-1, 3200).std(1) for x in (made, wav)]
    assert np.corrcoef(*windows)[0, 1] > 0.85  # the envelope of 0.1 s blocks: beats are where they were
    with pytest.raises(ValueError, match="set normalize.channels"):
        codec.encode(enc, np.zeros((2, 3200), np.float32))


def test_export_loads_as_audiocrafts_musicgen(models: Path, tmp_path: Path) -> None:
    export.audiocraft(models / "base", models / "codec", tmp_path / "out")
    spec = importlib.util.spec_from_file_location("load", tmp_path / "out" / "load.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load(tmp_path / "out", device="cpu")
    assert type(model).__module__ == "audiocraft.models.musicgen"
    model.set_generation_params(duration=0.4, extend_stride=10)
    wav = model.generate([TEXT])
    assert wav.shape[:2] == (1, 1) and torch.isfinite(wav).all()
    ours = musicgen.load(models / "base").state_dict()
    assert all(torch.equal(ours[k], v) for k, v in model.lm.state_dict().items())


class Evil:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (print, ("code ran",))


@pytest.mark.parametrize("content", [pickle.dumps({"best_state": Evil()}), b"", b"PK\x03\x04 cut short"])
def test_a_checkpoint_that_is_broken_or_holds_code_is_refused(tmp_path: Path, content: bytes, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "state_dict.bin").write_bytes(content)
    with pytest.raises(UserError, match="not a checkpoint that audiocraft exported"):
        checkpoints.read_audiocraft(tmp_path / "state_dict.bin")
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "revision", "message"),
    [("facebook/musicgen-tiny", "", "must be a folder or one of"), ("facebook/musicgen-small", "", "base.revision")],
)
def test_base_names_what_is_wrong(model: str, revision: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        base.locate(base.BaseConfig(model, revision), ROOT)


def test_an_unreachable_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="could not be fetched.*base.model: starter"):
        base.locate(base.BaseConfig("facebook/musicgen-small", "a" * 40), ROOT)


def test_the_tagger_tells_the_genres_apart() -> None:
    model = tagger.load(ROOT / "starter/kit/tagger")
    right = 0
    for n, name in enumerate(("trap", "boom bap", "dubstep", "riddim")):
        song = synth.song(9003, name, n, 10.0)
        p = tagger.probabilities(model, song.mix, synth.SAMPLE_RATE)
        assert abs(sum(p.values()) - 1) < 1e-5
        genre = {g: sum(p[s] for s in synth.sub_genres(g)) for g in ("hiphop", "dubstep")}
        right += max(genre, key=lambda g: genre[g]) == song.info["genre"]
    assert right >= 3
