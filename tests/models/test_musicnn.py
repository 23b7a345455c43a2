"""musicnn's taggers in torch against TensorFlow's own answers, and what is said where they cannot be had."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import signals
from hypothesis import given, settings
from hypothesis import strategies as st

from lowend.errors import UserError
from lowend.models import musicnn, tensorflow_bundle
from lowend.synth import song as synth

GOLDEN = np.load(Path(__file__).parent / "golden" / "musicnn.npz")
CASES = [(name, kind, level) for name in musicnn.MODELS for kind in signals.KINDS for level in signals.LEVELS]


@pytest.fixture(scope="module")
def models() -> dict[str, musicnn.Musicnn]:
    return {name: musicnn.load(name) for name in musicnn.MODELS}


@pytest.mark.parametrize(("name", "kind", "level"), CASES)
def test_tags_and_embeddings_are_tensorflows(
    models: dict[str, musicnn.Musicnn], name: str, kind: str, level: str
) -> None:
    """1e-4: both sum 1506 float32 products in another order; the largest difference seen was 5e-5, of pooled."""
    model, key = models[name], f"{name}/{kind}/{level}"
    windows = musicnn.windows(signals.signal(kind, level), musicnn.WINDOW)
    assert windows.shape == (2, 187, 96)
    np.testing.assert_allclose(windows.mean(1), GOLDEN[f"{key}/mel"], atol=1e-4)
    with torch.no_grad():
        _, embedding, pooled = (part.numpy() for part in model(windows))
    tags = musicnn.probabilities(model, embedding)
    for found, part in ((tags, "tags"), (embedding, "embedding"), (pooled, "pooled")):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, GOLDEN[f"{key}/{part}"], rtol=0, atol=1e-4, err_msg=part)


def test_quiet_audio_is_tagged_as_the_package_does_and_loud_audio_is_not_garbage(
    models: dict[str, musicnn.Musicnn],
) -> None:
    """The package goes on in float16: 3e-4 on quiet audio, and infinite from a mel energy of 6.55 on."""
    for name, kind, level in CASES:
        windows = musicnn.windows(signals.signal(kind, level), musicnn.WINDOW)
        with torch.no_grad():
            tags = musicnn.probabilities(models[name], models[name](windows).embedding.numpy())
        off = np.abs(tags - GOLDEN[f"{name}/{kind}/{level}/original"]).max()
        largest = (10 ** windows.max().item() - 1) / 10_000
        assert (largest > 6.55, off > 0.1, off > 3e-4) == ((level == "loud",) * 3)


def test_tags_are_the_models_own(models: dict[str, musicnn.Musicnn]) -> None:
    for model in models.values():
        assert len(set(model.tags)) == 50
    assert {"Hip-Hop", "electronic", "House"} <= set(models["MSD_musicnn"].tags)
    assert {"techno", "beats", "no vocals"} <= set(models["MTT_musicnn"].tags)


def test_a_synthesised_song_is_tagged_as_machine_made(models: dict[str, musicnn.Musicnn]) -> None:
    model = models["MSD_musicnn"]
    for name in ("boom bap", "riddim"):
        song = synth.song(9003, name, 1, 8.0)
        tags = musicnn.probabilities(model, musicnn.embeddings(model, song.mix, synth.SAMPLE_RATE)).mean(0)
        assert model.tags[int(tags.argmax())] in {"electronic", "electronica", "electro", "dance", "House", "Hip-Hop"}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 160_000), st.sampled_from([1, 2]))
def test_a_window_a_second_and_never_none(samples: int, channels: int) -> None:
    mono = np.full(samples, 0.1, np.float32)
    seconds = max(samples, 186 * 256) / musicnn.SAMPLE_RATE
    found = musicnn.windows(mono)
    assert found.shape[1:] == (187, 96) and found.dtype == torch.float32
    assert abs(len(found) - (seconds - 1.98)) < 1.01


@pytest.mark.parametrize("level", [0.0, 1.0, 300.0])
def test_no_level_makes_an_embedding_that_is_not_a_number(models: dict[str, musicnn.Musicnn], level: float) -> None:
    stereo = level * np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
    found = musicnn.embeddings(models["MSD_musicnn"], stereo, 32_000)
    assert found.shape == (1, 200) and found.dtype == np.float64 and np.isfinite(found).all()


def test_the_package_is_read_and_never_imported(models: dict[str, musicnn.Musicnn]) -> None:
    assert "musicnn" not in sys.modules and "tensorflow" not in sys.modules


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(
        UserError, match=r"evaluate\.embedder: musicnn needs .* `make setup`.*--no-deps musicnn==0\.1\.0"
    ):
        musicnn.load()


def test_a_broken_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = musicnn._package()
    monkeypatch.setattr(musicnn, "_package", lambda: tmp_path)
    folder = tmp_path / "MSD_musicnn"
    with pytest.raises(UserError, match=r"MSD_musicnn cannot be read from .*No such file.*--force-reinstall"):
        musicnn.load()
    folder.mkdir()
    (tmp_path / "configuration.py").write_text((whole / "configuration.py").read_text())
    (folder / ".index").write_bytes((whole / "MSD_musicnn" / ".index").read_bytes())
    (folder / ".data-00000-of-00001").write_bytes(b"\0" * 5000)
    with pytest.raises(UserError, match="data file ends before"):
        musicnn.load()
    (folder / ".index").write_bytes((whole / "MTT_vgg" / ".index").read_bytes())
    (folder / ".data-00000-of-00001").write_bytes((whole / "MTT_vgg" / ".data-00000-of-00001").read_bytes())
    with pytest.raises(UserError, match=r"cannot be read .*conv2d/kernel"):
        musicnn.load()
    (tmp_path / "configuration.py").write_text("SR = 16000\n")
    with pytest.raises(UserError, match="holds no MSD_LABELS"):
        musicnn.load()


@pytest.mark.parametrize("name", ["MSD_musicnn", "MTT_vgg"])
def test_a_bundle_holds_whole_tensors(name: str) -> None:
    folder = musicnn._package() / name
    index, data = ((folder / part).read_bytes() for part in (".index", ".data-00000-of-00001"))
    tensors = tensorflow_bundle.read(index, data)
    # The step counts are no float32; they are a few numbers beside millions.
    assert 0 <= len(data) - 4 * sum(t.size for t in tensors.values()) < 100
    assert all(np.isfinite(t).all() for t in tensors.values())
    assert all((t > 0).all() for name, t in tensors.items() if name.endswith("moving_variance"))


def test_what_is_no_bundle_is_said() -> None:
    folder = musicnn._package() / "MSD_musicnn"
    index = (folder / ".index").read_bytes()
    for broken in (b"", b"x" * 100, index[:-1]):
        with pytest.raises(ValueError, match="not the index of a TensorFlow checkpoint"):
            tensorflow_bundle.read(broken, b"")
    with pytest.raises(ValueError, match="data file ends before"):
        tensorflow_bundle.read(index, b"")
