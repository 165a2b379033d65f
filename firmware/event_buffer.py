"""Encoded events in RAM, in one piece of memory that is made once: however long the desk PC is away, they
never take more of the heap.

Entries lie packed in order of seq: seq u32, length of the message u16 (big-endian), message.
"""

import struct

try:
    from micropython import const
except ImportError:
    from firmware.dsp.portable import const

_HEAD = ">IH"
_HEAD_SIZE = const(6)


class EventBuffer:
    """At most `size` bytes of events.

    Attributes:
        count: events held. unsent: of them, not handed out in this session. first, newest: seqs, 0 for none.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.unsent = 0
        self.first = 0
        self.newest = 0
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._used = 0
        self._next_out = 0  # offset of the first one not handed out

    def append(self, seq: int, message: bytes) -> bool:
        """Hold one more, newer than all others; False: there is no room."""
        start = self._used + _HEAD_SIZE
        end = start + len(message)
        if end > len(self._buffer):
            return False
        struct.pack_into(_HEAD, self._buffer, self._used, seq, len(message))
        self._buffer[start:end] = message
        self._used = end
        self.count += 1
        self.unsent += 1
        self.first = self.first or seq
        self.newest = seq
        return True

    def next_event(self) -> "bytes | None":
        """Hand out the next one, None when all were."""
        if not self.unsent:
            return None
        _, start, end = self._entry(self._next_out)
        message = bytes(self._view[start:end])
        self._next_out = end
        self.unsent -= 1
        return message

    def rewind(self) -> None:
        """All are handed out again."""
        self._next_out = 0
        self.unsent = self.count

    def newer_than(self, seq: int, most_bytes: int) -> "tuple[list[bytes], int]":
        """The oldest messages after `seq`, about `most_bytes` of them together, and the seq of the last."""
        found: "list[bytes]" = []
        at = total = last = 0
        while at < self._used and total < most_bytes:
            entry, start, end = self._entry(at)
            if entry > seq:
                found.append(bytes(self._view[start:end]))
                total += end - start
                last = entry
            at = end
        return found, last

    def drop(self, ranges: "list[list[int]]") -> int:
        """Forget the events whose seq lies in one of `ranges`, [first, last]; how many those were."""
        read = write = count = first = newest = 0
        next_out, sent_end = 0, self._next_out
        while read < self._used:
            seq, _, end = self._entry(read)
            if not is_within(seq, ranges):
                if write < read:
                    self._buffer[write : write + end - read] = self._view[read:end]
                write += end - read
                count += 1
                first = first or seq
                newest = seq
                if read < sent_end:
                    next_out = write
            elif read >= sent_end:
                self.unsent -= 1
            read = end
        dropped = self.count - count
        self._used, self._next_out = write, next_out
        self.count, self.first, self.newest = count, first, newest
        return dropped

    def _entry(self, at: int) -> "tuple[int, int, int]":
        """(seq, start, end) of the message whose entry stands at `at`."""
        seq, size = struct.unpack_from(_HEAD, self._buffer, at)
        return seq, at + _HEAD_SIZE, at + _HEAD_SIZE + size


def is_within(seq: int, ranges: "list[list[int]]") -> bool:
    """True when one of the ranges [first, last] holds `seq`."""
    for first, last in ranges:
        if first <= seq <= last:
            return True
    return False
