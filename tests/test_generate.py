"""The script generate: the clips of a MusicGen, and what it refuses before it deletes the clips of before."""

from __future__ import annotations

from pathlib import Path

import kit
import pytest

import generate
from lowend import clips
from lowend.errors import UserError
from lowend.models import codec, musicgen
from lowend.models.sampling import Sampling
from lowend.seeds import seed
from lowend.tracks import write_json

SETTINGS = "seed: 3\ngenerate: {clips: 2, seconds: 0.5, top_k: 250, top_p: 0.0, temperature: 0.8, guidance: 3.0%s}\n"
PROMPTS = ["trap hip-hop at 140 BPM in F minor", "dark dubstep"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kit's models, two prompts, params.yaml, and the command line of a script that stands in it."""
    kit.unpack(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SETTINGS % "")
    Path("both.csv").write_text("prompt,sub_genre,bpm,key\n" + "".join(f"{prompt},,,\n" for prompt in PROMPTS))
    flags = ["--model", "base", "--codec", "codec", "--prompts", "both.csv", "--out", "clips"]
    monkeypatch.setattr("sys.argv", ["generate.py", *flags])
    return tmp_path


def test_its_clips_are_those_of_musicgen_and_the_codec(folder: Path) -> None:
    generate.main()
    seeds = [seed(3, "both", n) for n in range(2)]
    codes = musicgen.generate(musicgen.load(folder / "base"), PROMPTS, seeds, 25, Sampling(250, 0.0, 0.8, 3.0))
    heard = codec.load(folder / "codec")
    clips.write(
        folder / "wanted", [clips.Prompt(p, "", None, "") for p in PROMPTS], seeds, codec.decode(heard, codes), 32000
    )
    for name in ("000.flac", "001.flac", "clips.csv"):
        assert (folder / "clips" / name).read_bytes() == (folder / "wanted" / name).read_bytes(), name


def test_clips_of_before_outlive_an_unknown_family_and_an_unknown_setting(folder: Path) -> None:
    Path("clips").mkdir()
    Path("clips/000.flac").write_text("of before")
    Path("params.yaml").write_text(SETTINGS % ", steps: 9")
    with pytest.raises(UserError, match="`generate.steps` is unknown; known are clips, seconds, top_k, top_p, temp"):
        generate.main()
    write_json(folder / "base/lineage.json", {"family": "audioldm"})
    with pytest.raises(UserError, match="base/lineage.json: `family` is 'audioldm', and known are musicgen"):
        generate.main()
    assert Path("clips/000.flac").exists()
