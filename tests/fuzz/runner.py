"""Run a target over a bounded number of inputs and account for them.

Rules: an input that raises, takes over a second of processor time or never ends, or inputs that together let
the process grow, are a failure, and the failure names the input.
"""

import hashlib
import re
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.targets import TARGETS, load_corpus

SLOWEST_MS = 1000
GROWTH_KB = 65_536
_WARM_UP = 1000


@dataclass(frozen=True)
class FuzzReport:
    """What a run did; `str` is the line that is printed.

    Attributes:
        growth_kb: of the process's peak memory since the first thousand inputs; on the board of the heap in
            use.
    """

    target: str
    seed: int
    count: int
    seconds: float
    corpus_hash: str
    outcomes: dict[str, int]
    slowest_ms: float
    growth_kb: int

    def __str__(self) -> str:
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return (
            f"fuzz {self.target}: seed {self.seed}, {self.count} inputs in {self.seconds:.1f} s, "
            f"corpus {self.corpus_hash[:16]}, slowest {self.slowest_ms:.1f} ms, "
            f"memory {self.growth_kb:+} kB: {outcomes}"
        )


class FuzzFailure(AssertionError):
    """An input that a target does not stand; `data` belongs into the corpus."""

    def __init__(self, target: str, seed: int, number: int, data: bytes, what: str) -> None:
        super().__init__(f"fuzz {target}: seed {seed}, input {number}: {what}: {data.hex()}")
        self.data = data


class NeverEnds(Exception):
    """An input had SLOWEST_MS of processor time and more."""


def run(target: str, count: int, seed: int) -> FuzzReport:
    """Feed the corpus, then mutations of it, `count` inputs in all.

    Raises:
        FuzzFailure: as the module says.
    """
    check, corpus = TARGETS[target], load_corpus(target)
    draw = Draw(seed)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    memory_kb = _forget_peak_kb()
    progress = [0]
    with _watched(progress):
        began, before = time.perf_counter(), time.process_time()
        for number in range(count):
            progress[0] = number
            data = corpus[number] if number < len(corpus) else mutate(draw, corpus)
            try:
                outcomes[check(data)] += 1
            except Exception as error:
                raise FuzzFailure(target, seed, number, data, repr(error)) from error
            after = time.process_time()
            if after - before > slowest:
                slowest = after - before
                if slowest * 1000 > SLOWEST_MS:
                    raise FuzzFailure(target, seed, number, data, f"took {slowest:.1f} s")
            before = after
            if number == _WARM_UP:
                memory_kb = _forget_peak_kb()
    growth_kb = _read_peak_kb() - memory_kb
    if growth_kb > GROWTH_KB:
        raise FuzzFailure(target, seed, count, b"", f"memory grew by {growth_kb} kB")
    seconds = time.perf_counter() - began
    return FuzzReport(
        target, seed, count, seconds, hash_corpus(corpus), dict(outcomes), slowest * 1000, growth_kb
    )


def hash_corpus(corpus: list[bytes]) -> str:
    """SHA-256 over the entries' hashes, hex."""
    return hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in corpus)).hexdigest()


@contextmanager
def _watched(progress: list[int]) -> Iterator[None]:
    """Interrupts an input that is still the same after SLOWEST_MS of the process's own time."""
    seen = [-1]

    def look(_number: int, _frame: FrameType | None) -> None:
        if progress[0] == seen[0]:
            raise NeverEnds
        seen[0] = progress[0]

    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOWEST_MS / 1000, SLOWEST_MS / 1000)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _forget_peak_kb() -> int:
    """Begin the peak anew where the system can (Linux, proc(5) clear_refs); the peak, which is then the
    memory in use."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _read_peak_kb()


def _read_peak_kb() -> int:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak
