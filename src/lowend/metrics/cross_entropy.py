"""Held-out cross-entropy per codebook, by track, and its paired difference between two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lowend.metrics.bootstrap import Estimate, mean
from lowend.models import musicgen
from lowend.training.data import Tokens

ByTrack = dict[str, NDArray[np.float64]]  # cross-entropy in nats [K] of each track


@torch.no_grad()
def by_track(lm: musicgen.MusicGen, rows: Sequence[Tokens], batch_size: int) -> ByTrack:
    """Mean cross-entropy [K] of each track over its windows (equal lengths), with its caption."""
    was_training = lm.training
    lm.eval()
    sums: dict[str, list[NDArray[np.float64]]] = {}
    device = next(lm.parameters()).device
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        codes = torch.from_numpy(np.stack([row.codes for row in part])).long().to(device)
        loss = musicgen.cross_entropy(lm, codes, musicgen.embed(lm, [row.texts[0] for row in part]))
        for row, values in zip(part, loss.double().cpu().numpy(), strict=True):
            sums.setdefault(row.track_id, []).append(values)
    lm.train(was_training)
    return {track: np.mean(values, axis=0) for track, values in sums.items()}


def total(found: ByTrack) -> float:
    """Mean over tracks and codebooks."""
    return float(np.mean([v.mean() for v in found.values()]))


def estimates(found: ByTrack, resamples: int, name: str) -> dict[str, float]:
    """`ce` over all codebooks with its interval, and `ce_k<k>` of each, in nats; tracks are resampled."""
    table = np.stack([found[t] for t in sorted(found)])
    metrics = {"ce_tracks": float(len(table)), **mean(table.mean(1), resamples, name).as_metrics("ce")}
    for k in range(table.shape[1]):
        metrics |= mean(table[:, k], resamples, name).as_metrics(f"ce_k{k}")
    return metrics


def difference(after: ByTrack, before: ByTrack, resamples: int, name: str) -> Estimate:
    """Mean paired difference after - before over the same tracks; below zero is better."""
    tracks = sorted(after)
    assert tracks == sorted(before), "both models must be measured on the same tracks"
    delta = np.array([after[t].mean() - before[t].mean() for t in tracks])
    return mean(delta, resamples, name)
