"""A family without codes goes all the way: the loop trains and resumes it, clips are made of it, and a release."""

from __future__ import annotations

from pathlib import Path

import latents
import mini
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import export
import generate
from lowend import clips
from lowend.models import checkpoints
from lowend.tracks import write_json
from lowend.training import data, loop

LEVEL, RATE, HOP = 0.5, 8000, 80


def held_out(model: nn.Module) -> float:
    """Its loss on music at the level of the training tracks."""
    noise = torch.randn(100, latents.WIDTH, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float((model(LEVEL + noise) - noise).square().mean())


def trained(scratch: Path, kill: int = 0) -> loop.Result:
    rng = np.random.default_rng(0)
    rows = [
        data.Tokens(f"track{n}", rng.normal(LEVEL, 0.1, (latents.WIDTH, 40)).astype(np.float16), ("music",))  # type: ignore[arg-type]
        for n in range(6)
    ]

    def on_step(record: dict[str, float]) -> None:
        if record["step"] == kill:
            raise KeyboardInterrupt

    config = mini.config(steps=100)
    family, model = latents.Latents(), latents.denoiser()
    return loop.train(family, model, mini.sampler(rows), config, 3e-2, held_out, scratch, on_step)


def test_the_same_loop_trains_a_latent_family(tmp_path: Path) -> None:
    history = trained(tmp_path).history
    assert history[-1]["train_mse"] < 0.3 * history[0]["train_mse"]
    assert history[0]["train_mse_noise"] == history[0]["train_mse"] and "valid_mse" in history[1]


def test_its_noise_is_the_same_after_a_kill(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", kill=13)
    again = trained(tmp_path / "killed")
    assert mini.same(whole.raw, again.raw) and mini.same(whole.ema, again.ema) and whole.history == again.history


def test_the_scripts_make_clips_and_a_release_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latents.register(monkeypatch)
    monkeypatch.chdir(tmp_path)
    result = trained(tmp_path / "scratch")
    lineage = {"family": latents.NAME, "base": "noise", "revision": "", "commercial": True, "stages": [], "tracks": []}
    checkpoints.write(tmp_path / "model", result.raw, {"width": latents.WIDTH}, lineage, ema=result.ema)
    checkpoints.write(tmp_path / "codec", {}, {"sample_rate": RATE, "hop": HOP}, {})
    Path("params.yaml").write_text("seed: 0\ngenerate: {clips: 2, seconds: 1.5, steps: 3}\n")
    Path("music.csv").write_text("prompt,sub_genre,bpm,key\nquiet,,,\nloud,,,\n")
    both = ["--model", "model", "--codec", "codec"]

    monkeypatch.setattr("sys.argv", ["generate.py", *both, "--prompts", "music.csv", "--out", "clips"])
    generate.main()
    (one, wav, rate), (other, wav_of_other, _) = clips.read(tmp_path / "clips")
    assert (one.prompt, other.prompt, rate, wav.shape) == ("quiet", "loud", RATE, (1, 1.5 * RATE))
    assert abs(wav.mean() - LEVEL) < 0.1 and not np.array_equal(wav, wav_of_other)

    Path("metrics").mkdir()
    write_json(Path("metrics/music.json"), {"against_fad": 9.0, "fad": 8.0, "fad_low": 7.0, "fad_high": 9.5})
    monkeypatch.setattr("sys.argv", ["export.py", *both, "--metrics", "metrics", "--out", "release"])
    export.main()
    exported, card = load_file("release/toy/denoiser.safetensors"), Path("release/toy/README.md").read_text()
    assert all(torch.equal(exported[k], v) for k, v in result.ema.items())
    assert "library_name: toybox" in card and "wav = toybox.play('.')" in card and "No ONNX: too small." in card
    assert "| music | – | – | 9.00 | 8.00 (7.00–9.50) |" in card
    assert checkpoints.read_json(Path("release/toy"), "lineage.json") == lineage
