"""Encoded events in RAM, in one piece of memory that is made once: however long the desk PC is away, they
never take more of the heap.

Entries lie packed in order of seq: seq u32, length of the message u16 (big-endian), message. What changes the
buffer does so without memory too, so a heap that is full cannot stop it half-way.
"""

try:
    from micropython import const
except ImportError:
    from firmware.dsp.portable import const

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
        buffer, at, size = self._buffer, self._used, len(message)
        buffer[at] = seq >> 24 & 255
        buffer[at + 1] = seq >> 16 & 255
        buffer[at + 2] = seq >> 8 & 255
        buffer[at + 3] = seq & 255
        buffer[at + 4] = size >> 8
        buffer[at + 5] = size & 255
        buffer[start:end] = message
        self._used = end
        self.count += 1
        self.unsent += 1
        self.first = self.first or seq
        self.newest = seq
        return True

    def has_room(self, size: int) -> bool:
        """True when a message of `size` bytes fits."""
        return self._used + _HEAD_SIZE + size <= len(self._buffer)

    def next_event(self) -> "bytes | None":
        """Hand out the next one, None when all were."""
        if not self.unsent:
            return None
        start = self._next_out + _HEAD_SIZE
        end = self._end_of(self._next_out)
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
            entry = self._seq_of(at)
            end = self._end_of(at)
            if entry > seq:
                found.append(bytes(self._view[at + _HEAD_SIZE : end]))
                total += end - at - _HEAD_SIZE
                last = entry
            at = end
        return found, last

    def drop(self, ranges: "list[list[int]]") -> int:
        """Forget the events whose seq lies in one of `ranges`, [first, last]; how many those were."""
        read = run = write = count = first = newest = next_out = 0
        while read < self._used:
            seq = self._seq_of(read)
            end = self._end_of(read)
            if is_within(seq, ranges):
                if read >= self._next_out:
                    self.unsent -= 1
                write = self._move(write, run, read)
                run = end
            else:
                count += 1
                first = first or seq
                newest = seq
                if read < self._next_out:
                    next_out += end - read
            read = end
        dropped = self.count - count
        self._used, self._next_out = self._move(write, run, read), next_out
        self.count, self.first, self.newest = count, first, newest
        return dropped

    def _move(self, write: int, start: int, end: int) -> int:
        """Move the bytes from `start` to `end` down to `write`; where they end then."""
        after = write + end - start
        if write < start:
            try:
                self._view[write:after] = self._view[start:end]
            except MemoryError:  # the views of it are objects
                buffer = self._buffer
                for at in range(end - start):
                    buffer[write + at] = buffer[start + at]
        return after

    def _seq_of(self, at: int) -> int:
        """Of the entry that stands at `at`."""
        buffer = self._buffer
        return buffer[at] << 24 | buffer[at + 1] << 16 | buffer[at + 2] << 8 | buffer[at + 3]

    def _end_of(self, at: int) -> int:
        """Where the entry at `at` ends."""
        return at + _HEAD_SIZE + (self._buffer[at + 4] << 8 | self._buffer[at + 5])


def is_within(seq: int, ranges: "list[list[int]]") -> bool:
    """True when one of the ranges [first, last] holds `seq`."""
    for first, last in ranges:
        if first <= seq <= last:
            return True
    return False
