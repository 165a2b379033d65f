"""Fuzz by hand: `python -m tests.fuzz frames --count 10000000 --seed 1` (or `all`, or `cbor@board`).

With --reach it says instead which lines of the target the inputs reach.
"""

import argparse
import sys

from tests.fuzz.board_runner import run_on_board
from tests.fuzz.reach import measure_reach
from tests.fuzz.runner import FuzzFailure, run
from tests.fuzz.targets import TARGETS

ON_BOARD = {"cbor@board": "cbor"}


def main() -> int:
    """One line a target; 1 at the first input that a target does not stand."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("target", choices=[*TARGETS, *ON_BOARD, "all"])
    arguments.add_argument("--count", type=int, default=1_000_000, help="inputs a target (default 1,000,000)")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--reach", action="store_true", help="which lines the inputs reach (slow)")
    options = arguments.parse_args()
    everything = TARGETS if options.reach else [*TARGETS, *ON_BOARD]
    for target in everything if options.target == "all" else [options.target]:
        try:
            print(_say(target, options.count, options.seed, options.reach), flush=True)
        except FuzzFailure as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


def _say(target: str, count: int, seed: int, is_reach: bool) -> object:
    if is_reach:
        return measure_reach(target, count, seed)
    return run_on_board(ON_BOARD[target], count, seed) if target in ON_BOARD else run(target, count, seed)


if __name__ == "__main__":
    sys.exit(main())
