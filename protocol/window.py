"""Selective retransmission: the sending and the receiving side of one channel's window.

Sequence numbers are 16 bits and wrap. A window holds at most 64 frames. Loss is found in two ways:

- The line keeps order, so when the peer acknowledges a frame, all that was transmitted before it has arrived
  or is lost (`Sender.lose_before`). The link numbers transmissions over both channels, so that audio, which
  flows all the time, tells of lost control frames too.
- A timer (RFC 6298, in integer milliseconds) transmits the oldest frame again when nothing is acknowledged;
  what the peer answers says what else is missing.
"""

MIN_TIMEOUT_MS = 40
MAX_TIMEOUT_MS = 500
FIRST_TIMEOUT_MS = 250


class Slot:
    """One frame under way. `order` numbers its last transmission; 0 = to be transmitted. `first` numbers the
    oldest one that may have arrived."""

    def __init__(self, seq: int, payload: bytes) -> None:
        self.seq = seq
        self.payload = payload
        self.sent_ms = 0
        self.order = 0
        self.first = 0
        self.tries = 0


class Sender:
    """Frames under way, oldest first; retransmits what is lost.

    Args:
        size: how far a frame may be ahead of the oldest that is unacknowledged, 1..64: what the peer keeps.

    Attributes:
        room: how many frames `append` takes. retransmitted: frames transmitted more than once.
    """

    def __init__(self, size: int) -> None:
        self.room = size
        self.retransmitted = 0
        self._size = size
        self._next_seq = 0
        self._slots: "list[Slot]" = []
        self._due = 0  # of them, how many are to be transmitted
        self._doubtful = 0  # the newest transmission that may have arrived
        self._timer_ms = 0  # since when the timer runs; it runs while anything is in flight
        self._timeout_ms = FIRST_TIMEOUT_MS
        self._srtt_x8 = 0
        self._var_x4 = 0

    def append(self, payload: bytes) -> None:
        """Queue one payload; the caller has asked `room`."""
        self._slots.append(Slot(self._next_seq, payload))
        self._next_seq = (self._next_seq + 1) & 0xFFFF
        self._due += 1
        self.room -= 1

    @property
    def under_way(self) -> int:
        """Frames that are queued or unacknowledged."""
        return len(self._slots)

    def oldest(self) -> "bytes | None":
        """The first payload that is queued or unacknowledged."""
        return self._slots[0].payload if self._slots else None

    def next_frame(self, now_ms: int, order: int) -> "Slot | None":
        """The frame to transmit now, oldest first, or None.

        Args:
            order: number of this transmission on the line, from 1, rising over all channels.
        """
        count = len(self._slots)
        if self._due < count and now_ms - self._timer_ms >= self._timeout_ms:
            self._time_out(now_ms)
        if not self._due:
            return None
        if self._due == count:
            self._timer_ms = now_ms
        slot = self._oldest(in_flight=False)
        self._due -= 1
        if slot.tries:
            self.retransmitted += 1
        slot.order = order
        slot.first = slot.first or order
        slot.sent_ms = now_ms
        slot.tries += 1
        return slot

    def next_deadline_ms(self) -> "int | None":
        """When `next_frame` has something if no acknowledgement comes; None when nothing is under way."""
        if self._due:
            return 0
        return self._timer_ms + self._timeout_ms if self._slots else None

    def acknowledge(self, expected: int, bitmap: bytes, now_ms: int) -> int:
        """Free what the peer has.

        Args:
            expected: the sequence number the peer waits for; all before it has arrived.
            bitmap: bit i (byte i // 8, least significant first) = expected + 1 + i has arrived too.
        Returns:
            the newest transmission that certainly arrived of what was freed, for `lose_before`; 0 if none.
                Of a frame that the timer sent again that is the first one: the acknowledgement may be for it.
        """
        if not self._slots:
            return 0
        newest = 0
        first_sent_ms = -1
        kept = []
        for slot in self._slots:
            if not slot.tries or not self._has_arrived(slot.seq, expected, bitmap):
                kept.append(slot)
                continue
            newest = max(newest, slot.first)
            self._doubtful = max(self._doubtful, slot.order)
            if not slot.order:
                self._due -= 1
            if slot.tries == 1 and first_sent_ms < 0:
                first_sent_ms = slot.sent_ms
        if len(kept) < len(self._slots):
            self._slots = kept
            span = (self._next_seq - kept[0].seq) & 0xFFFF if kept else 0
            self.room = self._size - span
            self._timer_ms = now_ms
        if first_sent_ms >= 0:
            self._measure(now_ms - first_sent_ms)
        return newest

    def lose_before(self, order: int) -> None:
        """Transmit again what was transmitted before `order` and is not acknowledged."""
        for slot in self._slots:
            if 0 < slot.order < order:
                slot.order = slot.first = 0
                self._due += 1

    def _has_arrived(self, seq: int, expected: int, bitmap: bytes) -> bool:
        if (expected - 1 - seq) & 0xFFFF < self._size:
            return True
        ahead = (seq - expected - 1) & 0xFFFF
        return ahead < 8 * len(bitmap) and bitmap[ahead >> 3] >> (ahead & 7) & 1 == 1

    def _oldest(self, in_flight: bool) -> Slot:
        for slot in self._slots:
            if (slot.order > 0) == in_flight:
                return slot
        raise IndexError  # the counters said there is one

    def _time_out(self, now_ms: int) -> None:
        """RFC 6298 5.4-5.6: the oldest in flight again, the timer backed off and restarted.

        Whichever copies were acknowledged: what was transmitted before the newest of them, and is not
        acknowledged by now, is lost.
        """
        due = self._due
        self.lose_before(self._doubtful)
        if self._due == due:
            self._oldest(in_flight=True).order = 0
            self._due += 1
        self._timer_ms = now_ms
        self._timeout_ms = min(2 * self._timeout_ms, MAX_TIMEOUT_MS)

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
        if ahead:
            self._early[seq] = payload
            return []
        delivered = [payload]
        self.expected = (seq + 1) & 0xFFFF
        while self.expected in self._early:
            delivered.append(self._early.pop(self.expected))
            self.expected = (self.expected + 1) & 0xFFFF
        return delivered

    def build_bitmap(self) -> bytes:
        """The frames beyond `expected` that have arrived, as `Sender.acknowledge` reads it; or empty."""
        if not self._early:
            return b""
        bitmap = bytearray((self._size + 7) // 8)
        for seq in self._early:
            bit = (seq - self.expected - 1) & 0xFFFF
            bitmap[bit >> 3] |= 1 << (bit & 7)
        return bytes(bitmap)
