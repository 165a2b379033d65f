"""Line-seconds of a headless run per wall second after start-up, agent and cloud included.

    python -m benchmarks.headless [--calls 40]

Time that was granted as quiet is told apart: the ratio counts only what was played as samples.
Goal: 100. Limit: 40; exit status 1 below it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from sim.demo.headless import run_headless
from sim.demo.stack import StackSettings

GOAL = 100.0
LIMIT = 40.0


def main() -> None:
    """Run and print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=40)
    calls: int = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        report = run_headless(StackSettings(Path(folder), web_port=0), calls)
    rate = report.sampled_seconds / report.wall_seconds
    print(
        f"headless: {report.sampled_seconds:.0f} s of line played (of {report.line_seconds:.0f} s lived) in "
        f"{report.wall_seconds:.1f} s: {rate:.0f} times as fast, {rate / GOAL:.2f} of the goal; "
        f"{sum(call['ok'] for call in report.calls)} of {len(report.calls)} calls right"
    )
    sys.exit(0 if rate >= LIMIT and report.is_right else 1)


if __name__ == "__main__":
    main()
