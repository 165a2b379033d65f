"""Runs on MicroPython: feeds noise to an ear under heap_lock, then prints bytes of heap the ear took.

argv: root. Any allocation while the heap is locked raises MemoryError.
"""

import gc
import sys
from array import array

import micropython

sys.path.insert(0, sys.argv[1])
gc.collect()
before = gc.mem_alloc()

from firmware.line.ear import Ear  # noqa: E402

ear = Ear()
gc.collect()
taken = gc.mem_alloc() - before


def feed_noise(blocks: int) -> int:
    """Noise with a start near the top of the hop counter; returns how much was heard."""
    seed = 12345
    heard = 0
    for n in range(blocks):
        for i in range(256):
            seed = (seed * 1103 + 12345) & 0x1FFFF
            samples[i] = (seed >> 4) - 4096
        heard += len(ear.feed(samples, n * 32))
    return heard


samples = array("h", [0] * 256)
heard = 0
for off_hook in (False, True):
    ear.set_hook(off_hook)
    heard += feed_noise(4)
    micropython.heap_lock()
    heard += feed_noise(200)
    micropython.heap_unlock()
print(heard, taken)
