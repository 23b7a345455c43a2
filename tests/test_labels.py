"""What is known wins over what is heard, what is heard fills the rest, and how far both agree."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lowend import captions, labels, shards
from lowend.audio.description import Description
from lowend.audio.io import flac_bytes
from lowend.captions import CaptionConfig
from lowend.tracks import Track

TEMPLATE = captions.load_template(Path(__file__).resolve().parents[1] / captions.TEMPLATE)
CONFIG = CaptionConfig(analysis="librosa", kinds=("plain",), variants=1, trigger="", audio_model="")
DROP = {"name": "drop", "start": 10.0, "end": 20.0}
HEARD = Description(
    backend="librosa", bpm=140.004, bpm_confidence=0.9, key="F minor", key_confidence=0.7, beats=[0.0, 0.43],
    downbeats=[0.0, 1.714, 1203.57], sections=[DROP], energy_level="high", sub_bass_share=0.3, brightness_hz=900.0,
    swing=0.1, wobble_hz=4.67, wobble_note="1/8", chords=["Fm", "Db"], instruments=["drums", "bass"],
    flags=["key unsure"],
)  # fmt: skip


def note(said: str = "", **heard: object) -> dict:
    """As the cache gives it back: through JSON."""
    found = dataclasses.replace(HEARD, **heard)
    return json.loads(json.dumps({"description": dataclasses.asdict(found), "said": said}))


def test_what_is_heard_fills_empty_cells_alone() -> None:
    bare = labels.row(Track("a", "a.wav", genre="dubstep", flags="1.0 LU below -16 LUFS"), note(), TEMPLATE, CONFIG, 0)
    assert (bare.bpm, bare.key, bare.energy_level, bare.chords) == (140.0, "F minor", "high", "Fm, Db")
    assert bare.caption == "dubstep at 140 BPM in F minor, high energy, with drums, bass" and bare.variants == ""
    assert bare.bars == [0.0, 1.714, 1203.57]
    assert bare.sections == [DROP] and bare.flags == "1.0 LU below -16 LUFS; key unsure" and bare.analysis == "librosa"
    intro = '[{"name": "intro", "start": 0, "end": 9}]'
    told = Track("a", "a.wav", genre="dubstep", bpm=70.0, key="Gbm", structure=intro, caption="my words")
    told = dataclasses.replace(told, energy_level="low", instruments="choir")
    row = labels.row(told, note(), TEMPLATE, CONFIG, 0)
    assert (row.bpm, row.key, row.energy_level, row.instruments) == (70.0, "F# minor", "low", "choir")
    assert row.caption == "my words" and row.structure == told.structure and row.wobble_hz == 4.67


def test_a_wobble_is_said_only_where_the_source_knows_it() -> None:
    bare = Track("a", "a.wav", genre="dubstep", bpm=140.0)
    heard, told = (
        labels.row(track, note(), TEMPLATE, CONFIG, 0) for track in (bare, dataclasses.replace(bare, wobble_hz=7.0))
    )
    assert heard.wobble_hz == 4.67 and "wobble" not in heard.caption
    assert told.wobble_hz == 7.0 and told.caption.endswith(", wobble in eighth-triplets")


def test_a_models_words_stand_where_the_user_wrote_none() -> None:
    assert labels.row(Track("a", "a.wav"), note("a dark beat"), TEMPLATE, CONFIG, 0).caption == "a dark beat"
    assert labels.row(Track("a", "a.wav", caption="mine"), note("a dark beat"), TEMPLATE, CONFIG, 0).caption == "mine"


def test_variants_are_written_only_where_there_are_some() -> None:
    config = dataclasses.replace(CONFIG, variants=3, kinds=("plain", "timed"))
    row = labels.row(Track("a", "a.wav", genre="dubstep"), note(), TEMPLATE, config, 0)
    assert len(row.texts) == 3 and row.texts[0] == row.caption
    assert row == labels.row(Track("a", "a.wav", genre="dubstep"), note(), TEMPLATE, config, 0)


def test_agreement_counts_only_what_the_source_knows() -> None:
    drop = json.dumps([{"name": "drop", "start": 10.5, "end": 20}])
    late = json.dumps([{"name": "drop", "start": 12.0, "end": 20}])
    tracks = [
        Track("a", "a.wav", bpm=70.0, key="F minor", structure=drop),
        Track("b", "b.wav", bpm=150.0, key="C minor", structure=late),
        Track("c", "c.wav"),
    ]
    found = labels.agreement(tracks, [note(), note(flags=[]), note(bpm=None)])
    assert found == {
        "tracks": 3, "flagged": 2, "tempo_known": 2, "tempo_agrees": 0.5, "key_known": 2, "key_agrees": 0.5,
        "key_within_a_fifth": 1.0, "drops_known": 2, "drops_agree": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("stems", [True, False])
def test_a_tracks_audio_is_described_with_and_without_stems(tmp_path: Path, stems: bool) -> None:
    t = np.arange(12 * 32000) / 32000
    beat = (np.sin(2 * np.pi * 55 * t) * np.exp(-((t * 2) % 1) * 6)).astype(np.float32)[None] * 0.5
    names = ("mix", "drums", "bass") if stems else ("mix",)
    shards.write(tmp_path, [[shards.Member("a", f"{n}.flac", flac_bytes(beat, 32000)) for n in names]])
    (made,) = labels.label_track(labels.Job("a", tmp_path / "home", tmp_path, "librosa", (65, 150), ""))
    found = Description(**json.loads(made.data)["description"])
    assert found.backend == "librosa" and found.bpm == pytest.approx(120, rel=0.03)
