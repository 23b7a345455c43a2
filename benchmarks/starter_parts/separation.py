"""The kit's separator on unseen songs with true stems, and on rendered projects of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from lowend.audio.io import EXTENSIONS, Wave, decode, set_channels
from lowend.audio.separation import Separator, si_sdr_db
from lowend.errors import Unusable, UserError
from lowend.workers import parallel_map
from starter_parts import songs
from starter_parts.table import Row, Setup, at_least, not_run, reported

SONGS = 30
BARS = {"drums": 10.0, "bass": 9.0, "other": 7.0}  # dB of SI-SDR over the mix taken as the stem
_HEARD = 1e-3  # peak of a stem that plays at all
_LONGEST_S = 30.0  # of a project, from its middle
_WORDS = {
    "drums": re.compile(
        r"kick|bd|snare|clap|hat|hh|drum|perc|cymbal|crash|ride|tom|rim|shaker|beat|break|conga|cowbell"
    ),
    "bass": re.compile(r"bass|808|sub"),
}

Stems = Mapping[str, Wave]
Split = Callable[[Wave], Stems]


@lru_cache(maxsize=1)
def _separator(kit: Path) -> Separator:
    return Separator("starter", kit / "separator", shifts=0, overlap=0.1, stems=4)


def by_kit(kit: Path, mix: Wave) -> Stems:
    """Stems [2, S] that the kit's model makes of a mix [2, S]."""
    (made,) = _separator(kit).separate([(mix, songs.synth.SAMPLE_RATE, "starter")])
    return made


def quarters(mix: Wave) -> Stems:
    """A separator that does nothing: a quarter of the mix for every stem."""
    return dict.fromkeys(BARS, mix / 4)


def improvements(split: Split, stems: Stems) -> dict[str, float]:
    """SI-SDR in dB over that of the mix taken as the stem, of each stem that is heard."""
    mix = np.asarray(sum(stems.values()), np.float32)
    made = split(mix)
    heard = {name: wave for name, wave in stems.items() if np.abs(wave).max() > _HEARD}
    return {name: si_sdr_db(made[name], wave) - si_sdr_db(mix, wave) for name, wave in heard.items()}


def _unseen(split: Split, index: int) -> dict[str, float]:
    song = songs.held_out(index)
    apart = float(np.abs(sum(song.stems.values()) - song.mix).max())
    if apart > 1e-5:
        raise SystemExit(f"the stems of {song.info['title']} are {apart:.1e} off the mix")
    return improvements(split, song.stems)


def _judged(split: Split, count: int, label: str) -> list[Row]:
    found = list(parallel_map(partial(_unseen, split), range(count), "separator"))
    rows = []
    for stem, bar in BARS.items():
        gains = [one[stem] for one in found if stem in one]
        figures = {"songs": len(gains), "worst_db": round(min(gains), 2)}
        rows.append(at_least(f"{label}: {stem}, SI-SDR improvement, dB", float(np.mean(gains)), bar, figures))
    return rows


def rows(setup: Setup) -> list[Row]:
    """Mean improvement of each stem."""
    return _judged(partial(by_kit, setup.kit), SONGS, "separator")


def broken(setup: Setup) -> list[Row]:
    """With a quarter of the mix for every stem."""
    return _judged(quarters, len(songs.STYLES), "mix/4 for each stem")


def lmms(setup: Setup) -> list[Row]:
    """Improvement on projects rendered track by track, one folder a project; without a bar."""
    name = "separator: mean SI-SDR improvement on LMMS renders, dB"
    if setup.lmms is None:
        return [not_run(name, "name a folder of rendered tracks with --lmms", has_bar=False)]
    folders = sorted(p for p in setup.lmms.iterdir() if p.is_dir())
    projects = {p.name: stems for p in folders if len(stems := read_project(p)) > 1}
    if not projects:
        raise UserError(f"--lmms {setup.lmms}: no project's folder in it holds tracks of two stems or more")
    split = partial(by_kit, setup.kit)
    found = {name: improvements(split, stems) for name, stems in projects.items()}
    figures = {p: {stem: round(db, 2) for stem, db in one.items()} for p, one in found.items()}
    return [reported(name, float(np.mean([db for one in found.values() for db in one.values()])), figures)]


def stem_of(file_name: str) -> str:
    """The stem that a track belongs to, by the words of its name: drums, bass, or else other."""
    return next((stem for stem, words in _WORDS.items() if words.search(file_name.lower())), "other")


def read_project(folder: Path) -> dict[str, Wave]:
    """Tracks of a project summed to stems [2, S], its middle `_LONGEST_S` seconds."""
    tracks: dict[str, list[Wave]] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS):
        try:
            wav, _ = decode(path, songs.synth.SAMPLE_RATE)
        except Unusable:
            continue  # a track that stays silent
        tracks.setdefault(stem_of(path.stem), []).append(set_channels(wav, 2))
    length = max((wav.shape[1] for waves in tracks.values() for wav in waves), default=0)
    keep = min(length, int(_LONGEST_S * songs.synth.SAMPLE_RATE))
    start = (length - keep) // 2
    return {stem: _sum(waves, length)[:, start : start + keep] for stem, waves in tracks.items()}


def _sum(waves: Sequence[Wave], length: int) -> Wave:
    total = np.zeros((2, length), np.float32)
    for wav in waves:
        total[:, : wav.shape[1]] += wav
    return total
