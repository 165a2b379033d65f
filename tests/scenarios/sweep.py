"""Every scenario over many lines: `python -m tests.scenarios.sweep --seeds 50 [--only TEXT] [--in-full]`.

Seed after seed: prints each failure with its seed, after each seed how many of how many runs were right so
far. Exit code 1 when any was not.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.scenarios.test_scenarios import SCENARIOS, Table, find_fault
from tests.scenarios.variations import varied


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--only", default="", help="scenarios whose name contains this text")
    parser.add_argument("--in-full", action="store_true", help="play still hours too, sample by sample")
    options = parser.parse_args()
    failures = runs = 0
    seeds = 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, seed, fault in pool.map(_try, _plan(options.only, options.seeds, options.in_full)):
            if seed > seeds:
                print(_tally(runs, failures, seeds), flush=True)
            runs, seeds = runs + 1, seed
            if fault is not None:
                failures += 1
                print(f"seed {seed}, {name}: {fault}", flush=True)
    print(_tally(runs, failures, seeds))
    return 1 if failures else 0


def _tally(runs: int, failures: int, seeds: int) -> str:
    return f"{runs - failures} of {runs} runs right ({seeds} seeds)"


def _plan(only: str, seeds: int, in_full: bool) -> Iterator[tuple[str, int, Table]]:
    for seed in range(1, seeds + 1):
        for name, table in SCENARIOS.items():
            if only in name and "pending" not in table:
                yield name, seed, table | {"leaps": False} if in_full else table


def _try(job: tuple[str, int, Table]) -> tuple[str, int, str | None]:
    name, seed, table = job
    with tempfile.TemporaryDirectory() as folder:
        return name, seed, find_fault(varied(table, seed), Path(folder), table)


if __name__ == "__main__":
    sys.exit(main())
