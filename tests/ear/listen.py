"""Runs on MicroPython (and CPython): recordings in on stdin, what the ear heard out as JSON lines.

A recording: hook (1 byte, 1 = off-hook), number of samples (uint32, little-endian), samples (int16). The
ear starts afresh for each; the last block is filled with silence. Out: [ms of the block's end, type, fields]
an event, and [] at the end of a recording. argv[1] is the repository's root.
"""

import gc
import json
import struct
import sys
from array import array

sys.path.insert(0, sys.argv[1])

from firmware.line.ear import Ear

BLOCK = 256


def listen(stream, samples: int, off_hook: bool) -> None:
    """Feed one recording and print what is heard."""
    block = array("h", [0] * BLOCK)
    view = memoryview(block)
    ear = Ear()
    ear.set_hook(off_hook)
    ms = 0
    while samples > 0:
        n = min(samples, BLOCK)
        if n < BLOCK:
            for i in range(BLOCK):
                block[i] = 0
        read_exactly(stream, view[:n])
        samples -= n
        ms += 32
        for kind, fields in ear.feed(block, ms):
            print(json.dumps([ms, kind, {key: printable(value) for key, value in fields.items()}]))
    print("[]")


def read_exactly(stream, view: memoryview) -> None:
    data = stream.read(2 * len(view))
    view[:] = array("h", data)


def printable(value: object) -> object:
    """Bytes as text of the same code points: JSON has no bytes."""
    return "".join([chr(byte) for byte in value]) if isinstance(value, bytes) else value


def main() -> None:
    stream = sys.stdin.buffer
    while True:
        header = stream.read(5)
        if len(header) < 5:
            return
        off_hook, samples = struct.unpack("<BI", header)
        listen(stream, samples, bool(off_hook))
        gc.collect()


main()
