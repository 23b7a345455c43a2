"""A stable split of whole clusters, and the licence gate.

Within each sub-genre, clusters are ordered by a hash of their name. Test fills its quota from one end
of that order, valid from the other, and train is what lies between. So one more track moves at most
one cluster of each sub-genre across the border of test and one across that of valid, as long as
clusters are single tracks; a large cluster can take the place of several small ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lowend import licences
from lowend.clusters import SIDES, Member, place
from lowend.tracks import Track


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """Section `split` of params.yaml: shares of tracks."""

    valid: float
    test: float

    def __post_init__(self) -> None:
        for name in ("valid", "test"):
            if not 0 < getattr(self, name) < 0.5:
                raise ValueError(f"split.{name} must be above 0 and below 0.5, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Split:
    """Tracks of each side, and what was left out: duplicates, and train tracks behind the gate."""

    sides: dict[str, list[Track]]
    duplicates: list[Track]
    gated: list[Track]


def assign(tracks: Sequence[Track], members: Mapping[str, Member], config: SplitConfig, gate: str) -> Split:
    """Give every track that is no duplicate a side; drop train tracks whose licence the gate refuses.

    A cluster belongs to the sub-genre that most of its tracks have (the first by name in a tie).
    """
    top_tier = licences.highest_tier(gate)
    kept: dict[str, Track] = {}
    duplicates = []
    for track in sorted(tracks, key=lambda t: t.id):
        if members[track.id].duplicate_of or track.id in kept:
            duplicates.append(track)
        else:
            kept[track.id] = track
    groups: dict[str, list[Track]] = defaultdict(list)
    for track in kept.values():
        groups[members[track.id].cluster].append(track)
    side_of: dict[str, str] = {}
    free: dict[str, list[str]] = defaultdict(list)
    for cluster, group in groups.items():
        fixed = members[group[0].id].side
        names = [t.sub_genre for t in group]
        if fixed:
            side_of[cluster] = fixed
        else:
            free[max(sorted(set(names)), key=names.count)].append(cluster)
    sizes = {name: {c: len(groups[c]) for c in free[name]} for name in sorted(free)}
    side_of |= _fill(sizes, config)
    sides: dict[str, list[Track]] = {side: [] for side in SIDES}
    gated = []
    for track in kept.values():
        side = side_of[members[track.id].cluster]
        if side == "train" and track.tier > top_tier:
            gated.append(track)
        else:
            sides[side].append(track)
    return Split(sides, duplicates, gated)


def _fill(sizes: Mapping[str, Mapping[str, int]], config: SplitConfig) -> dict[str, str]:
    """Sides of clusters, from {sub-genre: {cluster: tracks}}.

    A cluster joins a side when that brings the side closer to its quota than leaving it out would.
    What a sub-genre lacks or has too much of is carried to the next one, so that many small
    sub-genres still fill the split; a side whose whole quota is below one track gets one.
    """
    sides = {cluster: "train" for clusters in sizes.values() for cluster in clusters}
    total = sum(sum(clusters.values()) for clusters in sizes.values())
    for side, share in (("test", config.test), ("valid", config.valid)):
        carry = max(0.0, 1.0 - share * total)
        for clusters in sizes.values():
            quota = share * sum(clusters.values()) + carry
            filled = 0
            free = [c for c in clusters if sides[c] == "train"]
            for cluster in sorted(free, key=place, reverse=side == "valid"):
                if abs(filled + clusters[cluster] - quota) < abs(filled - quota):
                    sides[cluster] = side
                    filled += clusters[cluster]
            carry = quota - filled
    return sides
