"""The page about a genre's data: what there is, what was set aside, how loud, how sure, how well separated."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from lowend import cache, datatables, shards
from lowend.audio import io, overlap
from lowend.audio.io import Wave
from lowend.audio.views import FLAG_LU
from lowend.dataset import DUPLICATE, LOW_CONFIDENCE, Data, Entry, Folders
from lowend.datatables import Separation
from lowend.histograms import UNKNOWN
from lowend.page import Player, player, render
from lowend.tracks import Track
from lowend.workers import progress

PLAYERS, HEARD = 10, 2
EXCERPT_S, RATE_HZ = 20.0, 24000
MIX_BYTES, SEPARATION_BYTES = 330_000, 1_800_000
"""FLAC of each of the ten, and of all separations together: the page stays under 8 MB."""


def page(genre: str, gate: str, folders: Folders, data: Data) -> str:
    """The whole page. `gate` is `licence` of params.yaml."""
    entries = data.entries
    single = [e for e in entries if e.side != DUPLICATE]
    known, unknown = ([e for e in single if bool(e.si_sdr) is has] for has in (True, False))
    scored = sorted((Separation(e, _mean_db(e)) for e in known), key=lambda s: (s.score, s.entry.track.id))
    guessed = sorted(overlaps(genre, folders, unknown), key=lambda s: (-s.score, s.entry.track.id))
    worst = [s.entry for s in (*scored[:HEARD], *guessed[:HEARD])]
    values = {
        "genre": genre,
        "gate": gate,
        "tracks": len(entries),
        "analysed_by": sorted(Counter(e.track.analysis or UNKNOWN for e in entries).items()),
        "sources": datatables.sources(data),
        "rejected": datatables.rejected(data.rejected),
        "histograms": datatables.by([e.track for e in entries]),
        "loudness": datatables.loudness(entries),
        "quiet": datatables.quiet(entries),
        "flag_lu": FLAG_LU,
        "doubts": datatables.doubts(entries),
        "low_confidence": LOW_CONFIDENCE,
        "chosen": [(e, _facts(e), _mix(genre, folders, e)) for e in progress(spread(single, PLAYERS), "players")],
        "scored": datatables.scored(scored),
        "guessed": datatables.guessed(guessed),
        "worst": [
            (e, _stems(genre, folders, e, SEPARATION_BYTES // len(worst))) for e in progress(worst, "players of stems")
        ],
    }
    return render("data.html", values)


def _mean_db(entry: Entry) -> float:
    return float(np.mean([pair["made"] for pair in entry.si_sdr.values()]))


def overlaps(genre: str, folders: Folders, entries: Sequence[Entry]) -> list[Separation]:
    """How much the stems of every entry overlap; found once for every track and kept in the cache."""
    scratch = cache.scratch("data", cache.code(overlap))
    jobs = [
        overlap.Job(e.track.id, cache.home(scratch, e.track.id, e.stems["digest"]), folders.stems / genre / e.source)
        for e in entries
    ]
    found = cache.compute(overlap.make, jobs, "comparing stems")
    return [Separation(e, float(kept.note["overlap"])) for e, kept in zip(entries, found, strict=True)]


def spread(entries: Iterable[Entry], count: int) -> list[Entry]:
    """At most `count` entries, taken in turn from each sub-genre, in an order that only their ids decide."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda e: hashlib.sha256(f"listen/{e.track.id}".encode()).digest()):
        groups[entry.track.sub_genre].append(entry)
    turns = zip_longest(*(groups[name] for name in sorted(groups)))
    return [entry for turn in turns for entry in turn if entry is not None][:count]


def _facts(entry: Entry) -> str:
    track = entry.track
    known = (
        track.sub_genre,
        f"{track.bpm:.0f} BPM" if track.bpm else "",
        track.key,
        f"{track.energy_level} energy" if track.energy_level else "",
        track.licence or "no licence",
        entry.side,
    )
    return " · ".join(filter(None, known))


def _mix(genre: str, folders: Folders, entry: Entry) -> Player:
    files = shards.read_track(folders.audio / genre / entry.source, entry.track.id, "mix.flac")
    waves, rate = _excerpt(files, *_passage(entry.track))
    wav = fit(waves, rate, MIX_BYTES)["mix"]
    return player(f"mix, {wav.shape[1] / rate:.0f} s", f"the mix of {entry.name}", wav, rate)


def _stems(genre: str, folders: Folders, entry: Entry, limit: int) -> list[Player]:
    """Players of the stems' sum and of every stem, all of one passage, in `limit` bytes of FLAC."""
    files = shards.read_track(folders.stems / genre / entry.source, entry.track.id)
    start_s, length_s = _passage(entry.track)
    stems, rate = _excerpt(files, float(entry.audio["trimmed_s"][0]) + start_s, length_s)
    waves = {"mix": np.asarray(sum(stems.values()), np.float32), **stems}
    loudest = max(float(np.abs(wav).max(initial=0.0)) for wav in waves.values())
    scale = np.float32(0.99 / max(loudest, 0.99))
    waves = fit({name: wav * scale for name, wav in waves.items()}, rate, limit)
    return [player(name, f"{name} of {entry.name}", wav, rate) for name, wav in waves.items()]


def _passage(track: Track) -> tuple[float, float]:
    """Start and length in seconds: from shortly before the first drop, or around the middle."""
    duration = track.duration or 0.0
    length_s = min(EXCERPT_S, duration)
    drops = [float(section["start"]) for section in track.sections if section["name"] == "drop"]
    start_s = drops[0] - 2 if drops else (duration - length_s) / 2
    return max(0.0, min(start_s, duration - length_s)), length_s


def _excerpt(files: Mapping[str, bytes], start_s: float, length_s: float) -> tuple[dict[str, Wave], int]:
    """Mono excerpts {name: [1, S]} and their rate in Hz."""
    waves, rate = overlap.cut(files, start_s, length_s)
    to_rate = min(rate, RATE_HZ)
    made = {name: io.resample(io.set_channels(wav, 1), rate, to_rate) for name, wav in waves.items()}
    return {name: np.clip(wav, -1, 1) for name, wav in made.items()}, to_rate


def fit(waves: Mapping[str, Wave], rate: int, limit: int) -> dict[str, Wave]:
    """[C, S] cut to the one length at which their 16-bit FLAC takes at most `limit` bytes together."""
    cut = dict(waves)
    while (size := sum(len(io.flac_bytes(wav, rate, bits=16)) for wav in cut.values())) > limit:
        cut = {name: wav[:, : int(wav.shape[1] * 0.98 * limit / size)] for name, wav in cut.items()}
    return cut
