"""Analyse tempo and key, and write captions.

By hand: python src/caption.py hiphop --audio DIR --out FILE.csv --metrics FILE
What the source already knows (its metadata, the synthesiser's truth) wins over what analysis
finds; how often the two agree goes into the metrics.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np

from lowend import cache, captions, params, shards
from lowend.audio import analysis, io
from lowend.audio.analysis import Analysis
from lowend.audio.io import read_flac
from lowend.errors import script
from lowend.tracks import Track, read_tracks, write_json, write_tracks
from lowend.workers import parallel_map


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    analysis: str


@dataclasses.dataclass(frozen=True, slots=True)
class Genre:
    bpm: tuple[float, float]  # the range that tempi are folded into by octaves

    def __post_init__(self) -> None:
        if not 0 < self.bpm[0] < self.bpm[1]:
            raise ValueError(f"genres.*.bpm must be [low, high], got {list(self.bpm)}")


def analyse(track_id: str, audio: Path, backend: str, scratch: Path) -> Analysis:
    data = shards.read_track(audio, track_id)["mix.flac"]

    def make() -> list[shards.Member]:
        found = analysis.backend(backend)(*read_flac(data))
        return [shards.Member(track_id, "json", shards.json_bytes(dataclasses.asdict(found)))]

    (member,) = cache.members(scratch / cache.digest(data), track_id, make)
    return Analysis(**json.loads(member.data))


def describe(track: Track, found: Analysis, genre: Genre, template: captions.Template) -> Track:
    bpm = track.bpm or (found.bpm and round(analysis.fold_tempo(found.bpm, *genre.bpm), 2))
    key = analysis.key_name(track.key) or found.key
    track = dataclasses.replace(track, bpm=bpm, key=key)
    return dataclasses.replace(track, caption=captions.caption(track, template))


def agreement(tracks: list[Track], found: list[Analysis]) -> dict[str, float]:
    """Share of tracks with a known tempo (within 4 %, octaves allowed) or key that analysis found too."""
    pairs = list(zip(tracks, found, strict=True))
    tempo = [f.bpm and analysis.tempo_error(f.bpm, t.bpm) < 0.04 for t, f in pairs if t.bpm]
    known = [(analysis.key_name(t.key), f.key) for t, f in pairs if t.key]
    keys = [(a == b, d) for a, b in known if (d := analysis.key_distance(a, b)) is not None]
    return {
        "tracks": len(tracks),
        "tempo_known": len(tempo),
        "tempo_agrees": round(float(np.mean([bool(x) for x in tempo])), 4) if tempo else 0.0,
        "key_known": len(keys),
        "key_agrees": round(float(np.mean([same for same, _ in keys])), 4) if keys else 0.0,
        "key_within_a_fifth": round(float(np.mean([d <= 1 for _, d in keys])), 4) if keys else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("genre", help="a key of `genres` in params.yaml")
    parser.add_argument("--audio", type=Path, required=True, help="what normalize.py wrote")
    parser.add_argument("--template", type=Path, default=captions.TEMPLATE)
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for the agreement")
    args = parser.parse_args()
    name = f"genres.{args.genre}"
    loaded = params.load("caption", name)
    config = params.build(Config, loaded["caption"], "caption")
    genre = params.build(Genre, loaded[name], name)
    analysis.backend(config.analysis)
    template = captions.load_template(args.template)
    tracks = sorted(read_tracks(args.audio / "tracks.csv"), key=lambda t: t.id)
    scratch = cache.scratch("caption", config.analysis, cache.code(analysis, io))
    work = partial(analyse, audio=args.audio, backend=config.analysis, scratch=scratch)
    found = list(parallel_map(work, [t.id for t in tracks], "analysing"))
    described = [describe(t, f, genre, template) for t, f in zip(tracks, found, strict=True)]
    write_tracks(args.out, described)
    write_json(args.metrics, {"analysis": config.analysis, **agreement(tracks, found)})


if __name__ == "__main__":
    script(main)
