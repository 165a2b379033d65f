"""A block allocates nothing, and the ear fits its share of the board's heap."""

import subprocess

from tests.ear.hearing import HEAP, MICROPYTHON, ROOT

HEAP_LIMIT = 2 * 60_000  # the limit is 60 kB on the board; objects and pointers are double here


def test_a_block_allocates_nothing_and_the_ear_is_small() -> None:
    done = subprocess.run(
        [MICROPYTHON, "-X", f"heapsize={HEAP}", ROOT / "tests" / "ear" / "heap_lock.py", ROOT],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heard, taken = map(int, done.stdout.split())
    assert heard == 0
    assert taken <= HEAP_LIMIT
