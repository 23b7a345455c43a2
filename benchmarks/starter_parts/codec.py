"""The kit's codec against the untrained reference, on unseen songs and on real loops."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lowend import kit as kits
from lowend.audio.io import EXTENSIONS, Wave, decode
from lowend.errors import Unusable, UserError
from lowend.models import codec as codecs
from lowend.seeds import rng
from lowend.workers import parallel_map
from starter_parts import mdct, quality, songs
from starter_parts.table import Row, Setup, at_least, at_most, not_run, reported

SONGS, FITTED_ON = 30, 80
MEL_SHARE = 0.7  # of the reference's: at least 30 % lower
PERPLEXITY = 600.0
CONTESTED = "loop_amen"  # a commercial recording, whatever its tag says

load = lru_cache(maxsize=2)(codecs.load)


def round_trip(folder: Path, wav: Wave) -> tuple[Wave, NDArray[np.int16]]:
    """What the codec of `folder` leaves of wav [1, S], and its codes [K, T]."""
    codes = codecs.encode(load(folder), wav)
    return codecs.decode(load(folder), torch.from_numpy(codes[None]))[0][:, : wav.shape[1]], codes


def with_shuffled_codebooks(folder: Path, wav: Wave) -> Wave:
    """The same with every codebook's entries in another order when decoding."""
    codec = load(folder)
    order = rng("shuffled codebooks").permutation(codec.cardinality).astype(np.int16)
    return codecs.decode(codec, torch.from_numpy(order[codecs.encode(codec, wav)][None]))[0][:, : wav.shape[1]]


@lru_cache(maxsize=1)
def reference(root: Path, folder: Path) -> mdct.Reference:
    """The untrained codec of the same bits, fitted on songs that the kit's codec was trained on."""
    waves = list(parallel_map(partial(songs.trained_on, root), range(FITTED_ON), "songs for the reference"))
    check(waves[0])
    return mdct.fit(waves, load(folder).num_codebooks, load(folder).cardinality, songs.SEED)


def check(wav: Wave) -> None:
    """The reference loses nothing but what it quantises, and measures of equals are perfect."""
    apart = float(np.abs(mdct.inverse(mdct.forward(wav), wav.shape[1]) - wav).max())
    same = quality.measures(wav, wav, songs.synth.SAMPLE_RATE)
    if apart > 1e-5 or same["log_mel_l1_db"] != 0 or min(same["low_sdr_db"], same["si_sdr_db"]) < 60:
        raise SystemExit(f"MDCT is {apart:.1e} off without a quantiser, and equals measure {same}")


def compare(folder: Path, other: mdct.Reference, wav: Wave) -> tuple[quality.Measures, quality.Measures, NDArray]:
    """Measures of the codec and of the reference on wav [1, S], and the codes."""
    made, codes = round_trip(folder, wav)
    rate = songs.synth.SAMPLE_RATE
    return quality.measures(made, wav, rate), quality.measures(other.round_trip(wav), wav, rate), codes


def _unseen(folder: Path, other: mdct.Reference, index: int) -> tuple[quality.Measures, quality.Measures, NDArray]:
    return compare(folder, other, songs.mono(songs.held_out(index)))


def means(found: Sequence[quality.Measures]) -> quality.Measures:
    """Mean of each measure."""
    return {name: round(float(np.mean([one[name] for one in found])), 3) for name in found[0]}


def _barred(label: str, ours: quality.Measures, theirs: quality.Measures, songs_measured: int) -> list[Row]:
    """Low band and log-mel of `ours`, each with the bar that the reference sets."""
    sides = {"songs": songs_measured, "codec": ours, "mdct_pca_rvq": theirs}
    return [
        at_least(f"{label}: low-band SDR, dB", ours["low_sdr_db"], theirs["low_sdr_db"], sides),
        at_most(f"{label}: log-mel L1, dB", ours["log_mel_l1_db"], MEL_SHARE * theirs["log_mel_l1_db"], sides),
    ]


def rows(setup: Setup) -> list[Row]:
    """Low band, log-mel and SI-SDR beside the reference's, and perplexities."""
    folder = kits.unpack(setup.kit / "musicgen") / "codec"
    other = reference(setup.root, folder)
    found = list(parallel_map(partial(_unseen, folder, other), range(SONGS), "codec"))
    ours, theirs = means([one for one, _, _ in found]), means([one for _, one, _ in found])
    bins = load(folder).cardinality
    codes = np.concatenate([codes for _, _, codes in found], 1)
    even = [round(quality.perplexity(row, bins), 1) for row in codes]
    barred = _barred("codec", ours, theirs, SONGS)
    return [
        *barred,
        reported("codec: SI-SDR, dB", ours["si_sdr_db"], barred[0].figures),
        at_least("codebooks: least perplexity", min(even), PERPLEXITY, {"perplexities": even, "bins": bins}),
    ]


def loops(setup: Setup) -> list[Row]:
    """The same measures on real loops, without a bar."""
    name = "codec: log-mel L1 on real loops, dB"
    if setup.loops is None:
        return [not_run(name, "name a folder of CC0 loops with --loops", has_bar=False)]
    folder = kits.unpack(setup.kit / "musicgen") / "codec"
    waves = read_loops(setup.loops)
    found = list(parallel_map(partial(compare, folder, reference(setup.root, folder)), waves, "loops"))
    ours, theirs = means([one for one, _, _ in found]), means([one for _, one, _ in found])
    return [reported(name, ours["log_mel_l1_db"], {"loops": len(waves), "codec": ours, "mdct_pca_rvq": theirs})]


def read_loops(folder: Path) -> list[Wave]:
    """Every sound of a folder of two seconds and more, mono [1, S], the contested break left out.

    Raises:
        UserError: there is none.
    """
    waves = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS):
        if path.name.startswith(CONTESTED):
            continue
        try:
            wav, _ = decode(path, songs.synth.SAMPLE_RATE)
        except Unusable:
            continue  # most of such a folder are one-shots, shorter than two seconds
        waves.append(wav.mean(0, keepdims=True))
    if not waves:
        raise UserError(f"--loops {folder}: no sound of two seconds or more is in it")
    return waves


def broken(setup: Setup) -> list[Row]:
    """With shuffled codebooks."""
    folder = kits.unpack(setup.kit / "musicgen") / "codec"
    other = reference(setup.root, folder)
    waves = [songs.mono(songs.held_out(index)) for index in range(len(songs.STYLES))]
    rate = songs.synth.SAMPLE_RATE
    ours = means([quality.measures(with_shuffled_codebooks(folder, wav), wav, rate) for wav in waves])
    theirs = means([quality.measures(other.round_trip(wav), wav, rate) for wav in waves])
    return _barred("shuffled codebooks", ours, theirs, len(waves))
