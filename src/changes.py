"""What the working tree changes against a revision, as Markdown for a pull request.

By hand: python src/changes.py main [--before URL --after URL]
Parameters, metrics (better, worse or within noise, by their intervals), data (tracks, hours, licences)
and links to the reports. Reports of the revision are taken out of DVC's cache into scratch/review/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lowend import changes, revisions
from lowend.changes import Reports
from lowend.errors import script

_NO_DATA = (
    "The tracks of {} are not here: neither DVC's cache nor a remote holds `data/splits`. "
    "Their counts are among the metrics of `split`."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("revision", help="branch, tag or commit to compare with")
    parser.add_argument("--before", default="", help="where its reports can be read; ends in / if a folder of them")
    parser.add_argument("--after", default="", help="the same of the working tree's reports")
    args = parser.parse_args()
    commit = revisions.resolve(args.revision)
    old, new = revisions.params_at(commit), revisions.params_here()
    was, now = revisions.songs_at(commit, old["genres"]), revisions.songs_here(new["genres"])
    missing = [name for name, songs in ((args.revision, was), ("the working tree", now)) if songs is None]
    tracks = _NO_DATA.format(" and ".join(missing)) if was is None or now is None else changes.data_text(was, now)
    kept = Path("scratch/review") / commit[:12]
    before = Reports(args.before or f"{kept}/", revisions.reports_at(commit, old["evaluations"], kept))
    after = Reports(args.after or "reports/", revisions.reports_here(new["evaluations"]))
    sections = (
        (f"## Against {args.revision} ({commit[:12]})", ""),
        ("### Parameters", changes.params_text(old, new)),
        ("### Metrics", changes.metrics_text(revisions.metrics_at(commit), revisions.metrics_here())),
        ("### Data", tracks),
        ("### Reports", changes.reports_text(before, after)),
    )
    print("\n\n".join(text for section in sections for text in section if text))


if __name__ == "__main__":
    script(main)
