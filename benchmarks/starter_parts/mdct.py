"""The codec's alternative that nobody trained: MDCT, principal components, residual vector quantiser.

It spends the same bits: as many frames a second, codebooks and codes as the kit's codec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from lowend.audio.io import Wave

Array = NDArray[np.float32]

HOP = 640  # samples: 50 frames/s at 32 kHz
COMPONENTS = 160
_ROUNDS = 20  # of k-means


def basis() -> Array:
    """The windowed cosines [2 * HOP, HOP] of an MDCT with a sine window (Princen & Bradley, 1986)."""
    n, k = np.arange(2 * HOP)[:, None], np.arange(HOP)[None]
    window = np.sin(np.pi * (n + 0.5) / (2 * HOP))
    phase = np.pi / HOP * (n + 0.5 + HOP / 2) * (k + 0.5)
    return (window * np.cos(phase) * (2 / HOP) ** 0.5).astype(np.float32)


_BASIS = basis()


def forward(wav: Wave) -> Array:
    """Coefficients [T + 1, HOP] of wav [1, S], T = S / HOP rounded up."""
    frames = -(-wav.shape[1] // HOP)
    padded = np.pad(wav[0], (HOP, (frames + 1) * HOP - wav.shape[1]))
    blocks = padded.reshape(-1, HOP)
    return np.concatenate([blocks[:-1], blocks[1:]], 1) @ _BASIS


def inverse(coefficients: Array, samples: int) -> Wave:
    """wav [1, samples] of `forward`'s coefficients: neighbours overlap, and their aliases cancel."""
    pieces = coefficients @ _BASIS.T
    wav = pieces[:-1, HOP:] + pieces[1:, :HOP]
    return wav.reshape(1, -1)[:, :samples].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Reference:
    """A fitted codec: the mean [HOP] and axes [HOP, D] of the components, and codebooks [K, N, D]."""

    mean: Array
    axes: Array
    codebooks: Array

    def round_trip(self, wav: Wave) -> Wave:
        """What is left of wav [1, S] after coding and decoding."""
        points = (forward(wav) - self.mean) @ self.axes
        made = np.zeros_like(points)
        for book in self.codebooks:
            made += book[nearest(points - made, book)]
        return inverse(made @ self.axes.T + self.mean, wav.shape[1])


def nearest(points: Array, book: Array) -> NDArray[np.intp]:
    """Index [T] of the code of `book` [N, D] that is nearest to each of `points` [T, D]."""
    return ((book**2).sum(1) - 2 * points @ book.T).argmin(1)


def fit(waves: Sequence[Wave], codebooks: int, bins: int, seed: int) -> Reference:
    """The codec of waves [1, S]: each codebook is the k-means of what those before it left."""
    coefficients = np.concatenate([forward(wav) for wav in waves])
    mean = coefficients.mean(0)
    _, axes = np.linalg.eigh(np.cov((coefficients - mean).T))
    axes = np.ascontiguousarray(axes[:, ::-1][:, :COMPONENTS], np.float32)
    rest = (coefficients - mean) @ axes
    books = []
    for k in range(codebooks):
        found = KMeans(bins, init="random", n_init=1, max_iter=_ROUNDS, random_state=seed + k).fit(rest)
        books.append(found.cluster_centers_.astype(np.float32))
        rest = rest - books[-1][found.labels_]
    return Reference(mean, axes, np.stack(books))
