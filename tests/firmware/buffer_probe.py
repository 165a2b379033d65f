"""Runs on the board in place of main.py: a buffer full of events of many sizes gives up ranges of them,
with memory and without. What it holds after each goes into the file NOTES of the host, a line each, the
seqs of what was dropped before it.
"""

import micropython

from firmware.board.device import Device
from firmware.event_buffer import EventBuffer

DROPS = ([[1, 1]], [[2, 9]], [[12, 12], [20, 21], [30, 30]], [[59, 60]], [[0, 70]])
buffer = EventBuffer(5120)


def build(seq):
    """A message that no other seq has, of 40..99 bytes."""
    return bytes([(seq * 7 + at) & 255 for at in range(40 + seq * 13 % 60)])


with open("NOTES", "w") as notes:  # noqa: PTH123
    for is_locked in (False, True):
        for seq in range(1, 61):
            assert buffer.append(seq, build(seq))
        for _ in range(25):
            buffer.next_event()
        for ranges in DROPS:
            if is_locked:
                micropython.heap_lock()
            buffer.drop(ranges)
            if is_locked:
                micropython.heap_unlock()
            messages, _ = buffer.newer_than(0, 5120)
            seqs = [seq for seq in range(1, 61) if build(seq) in messages]
            assert len(seqs) == len(messages) == buffer.count
            notes.write(" ".join([str(buffer.unsent)] + [str(seq) for seq in seqs]) + "\n")
Device().reset()
