"""Listen to a source's tracks in a browser, correct what is said of them, and save it to metadata.csv.

By hand: python src/review.py hiphop-synth [--port 0] [--check]
Serves a page on this machine alone until Ctrl+C. What is saved goes to metadata.csv in the source's
`path`, and wins at the next `dvc repro`.
"""

from __future__ import annotations

import argparse
import logging
from contextlib import suppress
from pathlib import Path

from lowend import captions, params, review
from lowend.errors import UserError, script
from lowend.sources.metadata import METADATA


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("key", help="a key of `sources` in params.yaml")
    parser.add_argument("--port", type=int, default=0, help="port of the page; 0 takes a free one")
    parser.add_argument("--check", action="store_true", help="only say how much there is to review")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where the stages write captions/ and audio/")
    args = parser.parse_args()
    name = f"sources.{args.key}"
    loaded = params.load("caption", name)
    about = loaded[name]
    source = review.Source(
        key=args.key,
        table=args.data / "captions" / about["genre"] / f"{args.key}.csv",
        audio=args.data / "audio" / about["genre"] / args.key,
        metadata=Path(about["path"]) / METADATA,
        config=params.build(captions.CaptionConfig, loaded["caption"], "caption"),
        template=captions.load_template(),
    )
    logging.info(review.check(source))
    if args.check:
        return
    try:
        server = review.Server(source, args.port)
    except (OSError, OverflowError) as error:
        raise UserError(f"port {args.port} cannot be served on ({error}): choose another with --port") from None
    logging.info("open %s in a browser; Ctrl+C ends it", server.url)
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    script(main)
