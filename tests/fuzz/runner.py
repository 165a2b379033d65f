"""Run a target over a bounded number of inputs and account for them."""

import hashlib
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass

from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.targets import TARGETS, load_corpus

SLOWEST_MS = 1000
GROWTH_KB = 65_536
_WARM_UP = 1000


@dataclass(frozen=True)
class FuzzReport:
    """What a run did; `str` is the line that is printed."""

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
            f"memory +{self.growth_kb} kB: {outcomes}"
        )


class FuzzFailure(AssertionError):
    """An input that a target does not stand; `data` belongs into the corpus."""

    def __init__(self, target: str, seed: int, number: int, data: bytes, what: str) -> None:
        super().__init__(f"fuzz {target}: seed {seed}, input {number}: {what}: {data.hex()}")
        self.data = data


def run(target: str, count: int, seed: int) -> FuzzReport:
    """Feed the corpus, then mutations of it, `count` inputs in all.

    Raises:
        FuzzFailure: an assertion failed, anything was raised, one input took over a second of
            processor time, or memory grew.
    """
    check, corpus = TARGETS[target], load_corpus(target)
    draw = Draw(seed)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    memory_kb = _read_peak_memory_kb()
    began, before = time.perf_counter(), time.process_time()
    for number in range(count):
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
            memory_kb = _read_peak_memory_kb()
    growth_kb = _read_peak_memory_kb() - memory_kb
    if growth_kb > GROWTH_KB:
        raise FuzzFailure(target, seed, count, b"", f"memory grew by {growth_kb} kB")
    corpus_hash = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in corpus)).hexdigest()
    seconds = time.perf_counter() - began
    return FuzzReport(target, seed, count, seconds, corpus_hash, dict(outcomes), slowest * 1000, growth_kb)


def _read_peak_memory_kb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak
