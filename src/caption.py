"""Describe every track (tempo, key, beats, sections, bass) and write captions.

By hand: python src/caption.py hiphop --audio DIR --out FILE.csv --metrics FILE
What the source already knows (its metadata, the synthesiser's truth) wins over what analysis
finds; how often the two agree goes into the metrics.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import cache, captioner, captions, labels, params, shards
from lowend.audio import analysis, bands, beats, chords, description, io, structure, wobble
from lowend.errors import script
from lowend.tracks import read_tracks, write_json, write_tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("genre", help="a key of `genres` in params.yaml")
    parser.add_argument("--audio", type=Path, required=True, help="what normalize.py wrote")
    parser.add_argument("--template", type=Path, default=captions.TEMPLATE)
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for the agreement")
    args = parser.parse_args()
    name = f"genres.{args.genre}"
    loaded = params.load("seed", "caption", name)
    config = params.build(captions.CaptionConfig, loaded["caption"], "caption")
    genre = params.build(labels.Genre, loaded[name], name)
    analysis.backend(config.analysis)
    template = captions.load_template(args.template)
    tracks = read_tracks(args.audio / "tracks.csv")
    code = cache.code(analysis, bands, beats, captioner, chords, description, io, labels, structure, wobble)
    folder = Path(config.audio_model or "/nonexistent")
    listener = cache.files(folder) if folder.is_dir() else config.audio_model
    scratch = cache.scratch("caption", config.analysis, listener, genre, code)
    homes = {t.id: cache.home(scratch, t.id, str(shards.read_note(args.audio, t.id)["digest"])) for t in tracks}
    how = (args.audio, config.analysis, genre.bpm, config.audio_model)
    jobs = [labels.Job(t.id, homes[t.id], *how) for t in tracks]
    notes = [kept.note for kept in cache.compute(labels.label_track, jobs, "analysing")]
    rows = [labels.row(t, note, template, config, loaded["seed"]) for t, note in zip(tracks, notes, strict=True)]
    write_tracks(args.out, rows)
    write_json(args.metrics, {"analysis": config.analysis, **labels.agreement(tracks, notes)})


if __name__ == "__main__":
    script(main)
