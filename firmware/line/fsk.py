"""FSK caller ID receiver: blocks of samples in, messages out. One object a standard, both run at once."""

from array import array

from firmware.dsp.fsk import (
    BIT_PERIOD,
    LEVEL_MARK,
    LEVEL_SPACE,
    MAX_ROWS,
    PERIOD,
    RING,
    ROW,
    cycles_per_ring,
    fsk_bank,
    new_ring,
    new_tracker,
    soften_bits,
    track_bits,
)
from firmware.dsp.framing import find_sync, hard_byte, next_character
from firmware.dsp.tables import SINE
from firmware.line.caller_id import MDMF, SDMF, MessageRejected, decode_caller_id_message

STANDARDS = {"bell202": (1200, 2200), "v23": (1300, 2100)}  # mark, space; Hz

SOFT = 4096  # bits kept, 3.4 s: 255 characters with two stuffing marks
MASK = SOFT - 1
COUNT_WRAP = 1 << 28  # bit positions wrap here, a multiple of SOFT
STUFFING = 20  # marks between characters, at most
SYNC_FLOOR = 16 * 40  # strength of the bits of a sync word


class Message:
    """A message being received: where its characters start, and their hard values."""

    def __init__(self) -> None:
        self.data = bytearray(258)
        self.starts = array("H", [0] * 258)
        self.count = 0
        self.next = 0

    def begin(self, message_type: int, start: int) -> None:
        """The type byte was found; its start bit is at `start`."""
        self.data[0] = message_type
        self.starts[0] = start
        self.count = 1
        self.next = start + 10

    def wanted(self) -> int:
        """Characters of the whole message as far as known."""
        return self.data[1] + 3 if self.count > 1 else 258


class FskReceiver:
    """Receives SDMF and MDMF messages of one standard."""

    def __init__(self, standard: str) -> None:
        self.standard = standard
        mark, space = STANDARDS[standard]
        self._mark = cycles_per_ring(mark)
        self._space = cycles_per_ring(space)
        self._ring = new_ring()
        self._sums = array("I", [0] * 4)
        self._at = 0
        self._tracker = new_tracker()
        self._rows = array("h", [0] * (ROW * (MAX_ROWS + 2)))
        self._tail = memoryview(self._rows)[ROW * 2 :]
        self._work = array("h", [0] * 8)
        self._soft = bytearray(SOFT)
        self._bits = 0
        self._seen = 0
        self._message = Message()
        self._receiving = False

    def feed(self, samples: "array[int]", n: int) -> "dict | None":
        """Take one block (n <= 256); returns the fields of a caller ID when a message is complete."""
        self._at = fsk_bank(samples, SINE, self._ring, self._at, n, self._mark, self._space, self._sums)
        end = track_bits(self._ring, self._tail, self._tracker, self._at, self._space - self._mark)
        if not end:
            return None
        rows = self._rows
        self._bits = soften_bits(rows, SINE, self._soft, self._work, ROW * 2, ROW * 2 + end, self._bits, MASK)
        i = 0
        while i < ROW * 2:
            rows[i] = rows[end + i]
            i += 1
        fields = None
        while self._receiving or self._hunt():
            fields = self._collect()
            if fields or self._receiving:
                break
        return fields

    def _hunt(self) -> bool:
        """Look for the first sync word among the bits not yet seen; true if a message begins there."""
        soft = self._soft
        first = self._bits
        for message_type in (MDMF, SDMF):
            found = find_sync(soft, self._seen, first, MASK, _SYNC[message_type], SYNC_FLOOR)
            if found >= 0:
                first = found
                self._message.begin(message_type, found - 9)
                self._receiving = True
        self._seen = first
        if self._receiving:
            self._seen += 1
        elif self._bits >= COUNT_WRAP:
            self._bits -= COUNT_WRAP
            self._seen -= COUNT_WRAP
        return self._receiving

    def _collect(self) -> "dict | None":
        """Take the characters that are complete; a message that cannot be one gives way to the next."""
        message = self._message
        while message.count < message.wanted():
            start = next_character(self._soft, message.next, self._bits, MASK, STUFFING)
            if start == -1:
                return None
            if start < 0:
                self._receiving = False
                return None
            message.data[message.count] = hard_byte(self._soft, start + 1, MASK)
            message.starts[message.count] = start & 0xFFFF
            message.count += 1
            message.next = start + 10
        return self._finish()

    def _finish(self) -> "dict | None":
        message = self._message
        self._receiving = False
        try:
            fields = decode_caller_id_message(bytes(message.data[: message.count]))
        except MessageRejected:
            return None
        fields["standard"] = self.standard
        self._seen = message.next
        return fields


def _sync_pattern(message_type: int) -> int:
    """6 marks, a start bit, the type byte least significant bit first, a stop bit."""
    pattern = 0x3F << 1
    for bit in range(8):
        pattern = pattern << 1 | (message_type >> bit & 1)
    return pattern << 1 | 1


_SYNC = {MDMF: _sync_pattern(MDMF), SDMF: _sync_pattern(SDMF)}
