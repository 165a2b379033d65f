"""Run a target of the protocol on MicroPython as a child process, and hold its outcomes against CPython's."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from binascii import crc32
from pathlib import Path

from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.runner import FuzzFailure, FuzzReport, hash_corpus
from tests.fuzz.targets import load_corpus
from tests.fuzz.wire_targets import TARGETS

ROOT = Path(__file__).parents[2]
HEAP = "256k"
GROWTH_BYTES = 8192
SILENT_S = 60.0
COMPARED = 20_000
"""How many of the inputs are fed on both runtimes, whose outcomes must be the same in the same order."""

_Fed = tuple[dict[str, int], int, int, int]


def run_on_board(target: str, count: int, seed: int) -> FuzzReport:
    """Feed the corpus, then mutations of it, `count` inputs in all.

    Raises:
        FuzzFailure: an input raised, nothing moved for a minute, the heap in use grew, or CPython does not
            say the same.
    """
    corpus = load_corpus(target)
    both = min(count, COMPARED)
    if _feed(target, corpus, both, seed)[1] != _digest_here(target, corpus, both, seed):
        raise FuzzFailure(_name(target), seed, both, b"", "CPython has other outcomes")
    began = time.perf_counter()
    outcomes, _, growth, slowest_us = _feed(target, corpus, count, seed)
    if growth > GROWTH_BYTES:
        raise FuzzFailure(_name(target), seed, count, b"", f"the heap in use grew by {growth} bytes")
    seconds = time.perf_counter() - began
    growth_kb, slowest_ms = round(growth / 1024), slowest_us / 1000
    return FuzzReport(
        _name(target), seed, count, seconds, hash_corpus(corpus), outcomes, slowest_ms, growth_kb
    )


def _name(target: str) -> str:
    return f"{target} on MicroPython"


def _digest_here(target: str, corpus: list[bytes], count: int, seed: int) -> int:
    draw, digest = Draw(seed), 0
    for number in range(count):
        data = corpus[number] if number < len(corpus) else mutate(draw, corpus)
        digest = crc32(TARGETS[target](data).encode(), digest)
    return digest


def _feed(target: str, corpus: list[bytes], count: int, seed: int) -> _Fed:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus"
        path.write_text("".join(f"{data.hex()}\n" for data in corpus))
        board = [str(Path(sys.executable).with_name("micropython")), "-X", f"heapsize={HEAP}"]
        command = [*board, "tests/fuzz/board.py", target, str(path), str(count), str(seed)]
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "MICROPYPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            reader = threading.Thread(target=_read, args=(child, lines))
            reader.start()
            try:
                return _await_end(target, seed, lines)
            finally:
                child.kill()
                reader.join()


def _read(child: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]") -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put("")


def _await_end(target: str, seed: int, lines: "queue.SimpleQueue[str]") -> _Fed:
    number = 0
    while True:
        try:
            line = lines.get(timeout=SILENT_S)
        except queue.Empty:
            raise FuzzFailure(_name(target), seed, number, b"", f"silent for {SILENT_S:.0f} s") from None
        if line.startswith("input "):
            number = int(line.split()[1])
        elif line.startswith("["):
            outcomes, digest, growth, slowest_us = json.loads(line)
            return outcomes, digest, growth, slowest_us
        elif line.startswith("failed "):
            _, at, data, error = line.split(maxsplit=3)
            raise FuzzFailure(_name(target), seed, int(at), bytes.fromhex(data), error.strip())
        else:
            raise FuzzFailure(_name(target), seed, number, b"", f"the child ended: {line.strip()}")
