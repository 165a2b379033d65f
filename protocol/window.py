"""Selective retransmission: the sending and the receiving side of one channel's window.

Sequence numbers are 16 bits and wrap. A window holds at most 64 frames.
"""

MIN_TIMEOUT_MS = 40
MAX_TIMEOUT_MS = 2000
FIRST_TIMEOUT_MS = 250


class Slot:
    """One frame under way. `order` numbers its last transmission; 0 = to be transmitted."""

    def __init__(self, seq: int, payload: bytes) -> None:
        self.seq = seq
        self.payload = payload
        self.sent_ms = 0
        self.order = 0
        self.tries = 0


class Sender:
    """Frames under way, oldest first; retransmits what is lost.

    Args:
        size: most frames that are queued or unacknowledged at once, 1..64.
    """

    def __init__(self, size: int) -> None:
        self.retransmitted = 0
        self._size = size
        self._next_seq = 0
        self._order = 0
        self._slots: "list[Slot]" = []
        self._srtt_x8 = 0
        self._var_x4 = 0
        self._timeout_ms = FIRST_TIMEOUT_MS

    def room(self) -> int:
        """How many frames `append` takes."""
        return self._size - len(self._slots)

    def append(self, payload: bytes) -> None:
        """Queue one payload; the caller has asked `room`."""
        self._slots.append(Slot(self._next_seq, payload))
        self._next_seq = (self._next_seq + 1) & 0xFFFF

    def next_frame(self, now_ms: int) -> "Slot | None":
        """The frame to transmit now, oldest first, or None."""
        self._time_out(now_ms)
        for slot in self._slots:
            if slot.order == 0:
                self.retransmitted += slot.tries > 0
                self._order += 1
                slot.order = self._order
                slot.sent_ms = now_ms
                slot.tries += 1
                return slot
        return None

    def _time_out(self, now_ms: int) -> None:
        timed_out = False
        for slot in self._slots:
            if slot.order and now_ms - slot.sent_ms >= self._timeout_ms:
                slot.order = 0
                timed_out = True
        if timed_out:
            self._timeout_ms = min(2 * self._timeout_ms, MAX_TIMEOUT_MS)

    def next_deadline_ms(self) -> "int | None":
        """When `next_frame` has something to transmit if no acknowledgement comes; None when nothing is under way."""
        if not self._slots:
            return None
        return min(slot.sent_ms + self._timeout_ms if slot.order else 0 for slot in self._slots)

    def acknowledge(self, expected: int, bitmap: bytes, now_ms: int) -> None:
        """Free what the peer has.

        Args:
            expected: the sequence number the peer waits for; all before it has arrived.
            bitmap: bit i (byte i // 8, least significant first) = expected + 1 + i has arrived too.
        """
        newest = 0
        kept = []
        for slot in self._slots:
            behind = (expected - 1 - slot.seq) & 0xFFFF
            ahead = (slot.seq - expected - 1) & 0xFFFF
            arrived = behind < self._size or (
                ahead < 8 * len(bitmap) and bitmap[ahead >> 3] >> (ahead & 7) & 1
            )
            if not arrived or not slot.tries:
                kept.append(slot)
                continue
            newest = max(newest, slot.order)
            if slot.tries == 1:
                self._measure(now_ms - slot.sent_ms)
        self._slots = kept
        for slot in kept:
            if slot.order < newest:
                slot.order = 0  # the line keeps order: a later one arrived, so this one is lost

    def _measure(self, rtt_ms: int) -> None:
        """RFC 6298 2.2-2.3 in integers: srtt scaled by 8, the variation by 4."""
        if not self._srtt_x8:
            self._srtt_x8 = 8 * rtt_ms
            self._var_x4 = 2 * rtt_ms
        else:
            error = rtt_ms - (self._srtt_x8 >> 3)
            self._srtt_x8 += error
            self._var_x4 += abs(error) - (self._var_x4 >> 2)
        timeout = (self._srtt_x8 >> 3) + max(self._var_x4, 10)
        self._timeout_ms = min(max(timeout, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS)


class Receiver:
    """Puts frames in order; keeps what came early, at most a window of it.

    Attributes:
        expected: sequence number of the next frame to deliver.
        ack_due: something arrived since the last acknowledgement.
    """

    def __init__(self, size: int) -> None:
        self.expected = 0
        self.ack_due = False
        self._size = size
        self._early: "dict[int, bytes]" = {}

    def accept(self, seq: int, payload: bytes) -> "list[bytes]":
        """Take one frame; the payloads that are now in order (none for a double or an early one)."""
        self.ack_due = True
        ahead = (seq - self.expected) & 0xFFFF
        if ahead >= self._size:
            return []
        self._early[seq] = payload
        delivered = []
        while self.expected in self._early:
            delivered.append(self._early.pop(self.expected))
            self.expected = (self.expected + 1) & 0xFFFF
        return delivered

    def build_bitmap(self) -> bytes:
        """The frames beyond `expected` that have arrived, as `Sender.acknowledge` reads it; empty for none."""
        if not self._early:
            return b""
        bitmap = bytearray((self._size + 7) // 8)
        for seq in self._early:
            bit = (seq - self.expected - 1) & 0xFFFF
            bitmap[bit >> 3] |= 1 << (bit & 7)
        return bytes(bitmap)
