"""Fuzz by hand: `python -m tests.fuzz frames --count 10000000 --seed 1` (or `all`)."""

import argparse
import sys

from tests.fuzz.runner import FuzzFailure, run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """One line a target; 1 at the first input that a target does not stand."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("target", choices=[*TARGETS, "all"])
    arguments.add_argument("--count", type=int, default=1_000_000, help="inputs a target (default 1,000,000)")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    for target in TARGETS if options.target == "all" else [options.target]:
        try:
            print(run(target, options.count, options.seed), flush=True)
        except FuzzFailure as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
