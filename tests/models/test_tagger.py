"""The starter's tagger hears which genre a song is of."""

from __future__ import annotations

import kit

from lowend.models import tagger
from lowend.synth import song as synth


def test_the_tagger_tells_the_genres_apart() -> None:
    model = tagger.load(kit.KIT / "tagger")
    right = 0
    for n, name in enumerate(("trap", "boom bap", "dubstep", "riddim")):
        song = synth.song(9003, name, n, 10.0)
        p = tagger.probabilities(model, song.mix, synth.SAMPLE_RATE)
        assert abs(sum(p.values()) - 1) < 1e-5
        genre = {g: sum(p[s] for s in synth.sub_genres(g)) for g in ("hiphop", "dubstep")}
        right += max(genre, key=lambda g: genre[g]) == song.info["genre"]
    assert right >= 3
