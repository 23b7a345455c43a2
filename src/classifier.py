"""Learn genres and sub-genres from the train tracks, and score that on the held-out ones.

By hand: python src/classifier.py --codec models/codec --tokens data/tokens --splits data/splits
  --out models/classifier.json --metrics metrics/classifier.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from lowend import captions, params
from lowend.errors import script
from lowend.metrics import classifier, embedders, reference
from lowend.metrics.classifier import Label, Song
from lowend.metrics.embedders import Embeddings
from lowend.metrics.level import levelled
from lowend.models import codec as codecs
from lowend.models import devices
from lowend.tracks import read_tracks, write_json
from lowend.training import data
from lowend.training.data import Tokens


def songs(genre: str, table: Path, tokens: Path, hear: Callable[[Tokens], Embeddings]) -> Iterator[Song]:
    """The mix of every track of a split's table, heard; none where the table is empty."""
    labels = {track.id: Label(genre, track.sub_genre) for track in read_tracks(table)}
    for row in data.load(tokens, table, "mix", captions.load_template(), min_frames=1) if labels else []:
        yield Song(labels[row.track_id], hear(row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--codec", type=Path, required=True, help="checkpoint folder of the codec")
    parser.add_argument("--tokens", type=Path, required=True, help="real tokens of all genres")
    parser.add_argument("--splits", type=Path, required=True, help="splits of all genres")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write: what was learned")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file to write: how well it does")
    parser.add_argument("--kit", type=Path, default=Path("starter/kit/tagger"), help="the starter's tagger")
    args = parser.parse_args()
    asked = params.load("genres", "generate.seconds", "evaluate.bootstrap", "evaluate.embedder", "evaluate.weights")
    name, resamples = asked["evaluate.embedder"], asked["evaluate.bootstrap"]
    embedder, _ = embedders.chosen(name, asked["evaluate.weights"], args.kit)
    decoder = codecs.load(args.codec, devices.best())

    def hear(row: Tokens) -> Embeddings:
        """As much of a track's middle as a clip holds: a class is harder to tell from less."""
        (sound,) = reference.decoded(decoder, [row], asked["generate.seconds"])
        return embedder.embed(*levelled(*sound))

    def of(*sides: str) -> list[Song]:
        tables = [(genre, args.splits / genre / f"{side}.csv") for genre in asked["genres"] for side in sides]
        return [song for genre, table in tables for song in songs(genre, table, args.tokens / genre, hear)]

    learned, figures = classifier.build(name, of("train"), of("valid", "test"), resamples)
    classifier.write(args.out, learned)
    write_json(args.metrics, figures)


if __name__ == "__main__":
    script(main)
