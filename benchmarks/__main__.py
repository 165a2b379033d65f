"""Runs every benchmark as a process of its own, one after the other: `make bench`.

    python -m benchmarks [NAME...]

Exit status 1 if one missed its limit. The machine should do nothing else meanwhile.
"""

import subprocess
import sys

NAMES = ("kernels", "bytecode", "heap", "link", "headless", "consumer", "page", "agent", "pop_latency")


def main() -> None:
    """Run those named, or all."""
    names = sys.argv[1:] or NAMES
    missed = []
    for name in names:
        print(f"-- {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            missed.append(name)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
