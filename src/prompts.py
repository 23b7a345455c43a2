"""Check the prompt sets that prompts/sets.yaml lists: wording, spread and version.

By hand: python src/prompts.py [--prompts prompts]
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from lowend import captions, prompts
from lowend.errors import UserError, script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--prompts", type=Path, default=captions.TEMPLATE.parent, help="folder of the sets")
    args = parser.parse_args()
    template = captions.load_template(args.prompts / captions.TEMPLATE.name)
    sets = prompts.read_sets(args.prompts / prompts.SETS)
    wrong = [fault for one in sets for fault in prompts.faults(one, args.prompts, template)]
    if wrong:
        raise UserError("\n".join(wrong))
    logging.info("%d prompt sets are as their versions say", len(sets))


if __name__ == "__main__":
    script(main)
