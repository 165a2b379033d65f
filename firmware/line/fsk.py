"""FSK caller ID receiver: blocks of samples in, messages out. One object a standard, both run at once.

Soft bits go into one ring; wherever a sync word (marks, a known message type) stands in it, a candidate
begins that cuts characters out of the ring as they come. Several candidates may run (noise makes false ones);
the first whose message holds is told.
"""

try:
    from micropython import const
except ImportError:  # CPython
    from firmware.dsp.portable import const

from array import array

from firmware.dsp.framing import (
    find_sync,
    follow_preamble,
    hard_byte,
    mean_strength,
    next_character,
    take_strengths,
)
from firmware.dsp.fsk import (
    MAX_ROWS,
    ROW,
    cycles_per_ring,
    fsk_bank,
    measure_drift,
    new_ring,
    new_tracker,
    soften_bits,
    track_bits,
)
from firmware.dsp.tables import SINE
from firmware.line.caller_id import MDMF, SDMF, MessageRejected, decode_caller_id_message
from firmware.line.repair import Repairer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.line.caller_id import Fields

STANDARDS = {"bell202": (1200, 2200), "v23": (1300, 2100)}  # mark, space; Hz

_SOFT = const(4096)  # bits kept, 3.4 s: 255 characters with six stuffing marks
MASK = _SOFT - 1
_COUNT_WRAP = const(1 << 28)  # bit positions wrap here, a multiple of _SOFT
_STUFFING = const(20)  # marks between characters, at most
_SYNC_FLOOR = const(16 * 40)  # strength of the bits of a sync word
_CANDIDATES = const(3)
_MARKS_COUNTED = const(64)
_PREAMBLE_MARKS = const(60)  # with fewer marks before, what fails was probably no message
_SEIZURE = const(96)  # alternating bits (80 ms; a key lasts 50) that, with
_SEIZURE_MARKS = const(24)  # marks behind them, announce a message
_AWAITED_BLOCKS = const(16)  # half a second behind the last mark: the message has begun, or was lost
_LEAST_CHARACTERS = const(6)  # of a message: type, length, a reason's parameter, sum
_MAX_CHARACTERS = const(258)
_MAX_MENDED = const(100)  # characters; longer messages must be whole
_CARRIER_FLOOR = const(45)  # mean strength of two characters, below which there is no carrier
_SURE = const(50)  # a bit of the length as strong as this is right (at 4 dB wrong once in 10,000)
_REPAIR_FLOOR = const(55)  # mean strength of a message, below which it is not believed


class Candidate:
    """A message being received: where its characters start, and their hard values."""

    def __init__(self) -> None:
        self.data = bytearray(_MAX_CHARACTERS)
        self.starts = array("H", [0] * _MAX_CHARACTERS)  # in the soft ring
        self.count = 0  # characters so far; 0 = this candidate is free
        self.longest = 0  # characters at most
        self.doubt = 0  # bits of the length byte that may be wrong
        self.marks = 0  # marks before the message: the candidate with fewest gives way
        self.begun = 0
        self.next = 0

    def begin(self, message_type: int, start: int, marks: int) -> None:
        """The type byte was found; its start bit is at `start`."""
        self.marks = marks
        self.data[0] = message_type
        self.starts[0] = start & MASK
        self.count = 1
        self.longest = _MAX_CHARACTERS
        self.doubt = 0
        self.begun = start
        self.next = start + 10

    def take(self, value: int, start: int) -> None:
        """The next character."""
        self.data[self.count] = value
        self.starts[self.count] = start & MASK
        self.count += 1
        self.next = start + 10


class FskReceiver:
    """Receives SDMF and MDMF messages of one standard."""

    def __init__(self, standard: str, repairer: Repairer) -> None:
        self.standard = standard
        mark, space = STANDARDS[standard]
        self._mark = cycles_per_ring(mark)
        self._space = cycles_per_ring(space)
        self._repairer = repairer
        self._ring = new_ring()
        self._sums = array("I", [0] * 5)
        self._at = 0
        self._tracker = new_tracker()
        self._rows = array("h", [0] * (ROW * (MAX_ROWS + 2)))
        self._new_rows = memoryview(self._rows)[ROW * 2 :]
        self._work = array("h", [0] * 8)
        self._drift = array("h", [0, 0])
        self._soft = bytearray(b"\x80" * _SOFT)
        self._bits = 0
        self._seen = 0
        self._candidates = [Candidate() for _ in range(_CANDIDATES)]
        self._active = 0
        self._runs = array("H", [0, 0])
        self._awaited = 0  # blocks until a message that was announced is given up
        self._failed = False

    def is_receiving(self) -> bool:
        """A message may be under way."""
        return self._active > 0

    def take_failure(self) -> bool:
        """True once after a message that could not be read, or that its preamble announced in vain.

        It may still be under way.
        """
        failed = self._failed
        self._failed = False
        return failed

    def forget(self) -> None:
        """Drop the messages under way, and what is awaited."""
        for candidate in self._candidates:
            candidate.count = 0
        self._active = 0
        self._awaited = 0

    def misfit(self) -> int:
        """How far mark and space are from this standard's distance, in units of `measure_drift`.

        The other standard's tones stand 200 Hz nearer or further; a clock 3 % off moves them by 30 Hz.
        """
        return abs(self._drift[0] - self._drift[1])

    def feed(self, samples: "array[int]", n: int) -> "Fields | None":
        """Take one block (n <= 256); returns the fields of a caller ID when a message is complete."""
        self._at = fsk_bank(samples, SINE, self._ring, self._at, n, self._mark, self._space, self._sums)
        end = track_bits(self._ring, self._new_rows, self._tracker, self._at, self._space - self._mark)
        if not end:
            return None
        rows, at = self._rows, self._bits
        self._bits = soften_bits(rows, SINE, self._soft, self._work, ROW * 2, ROW * 2 + end, at, MASK)
        if self._active or self._awaited == _AWAITED_BLOCKS:  # a message, or the marks before it
            measure_drift(rows, self._soft, self._drift, ROW * 3, ROW * 2 + end, at + 1, MASK)
        self._hunt()
        fields = None
        if self._active:
            for candidate in self._candidates:
                if candidate.count and not fields:
                    fields = self._collect(candidate)
            if fields:
                self.forget()
        elif self._bits >= _COUNT_WRAP:
            self._bits -= _COUNT_WRAP
            self._seen -= _COUNT_WRAP
        return fields

    def _hunt(self) -> None:
        """Begin a candidate at every sync word among the new bits; await one behind a preamble."""
        if follow_preamble(self._soft, self._seen, self._bits, MASK, self._runs, _SEIZURE, _SEIZURE_MARKS):
            self._awaited = _AWAITED_BLOCKS
        elif self._awaited:
            self._awaited -= 1
            if not self._awaited:
                self._failed = True
        for message_type in _HUNTED:  # a tuple made here would allocate
            at = self._seen
            while True:
                at = find_sync(self._soft, at, self._bits, MASK, _SYNC[message_type], _SYNC_FLOOR)
                if at < 0:
                    break
                self._begin(message_type, at - 9)
                at += 1
        self._seen = self._bits

    def _begin(self, message_type: int, start: int) -> None:
        """Take a free candidate, else the one with the fewest marks before it."""
        marks = 0
        while marks < _MARKS_COUNTED and self._soft[start - 1 - marks & MASK] > 128:
            marks += 1
        chosen = None
        for candidate in self._candidates:
            if not candidate.count:
                chosen = candidate
                break
            if candidate.marks < (chosen.marks if chosen else marks):
                chosen = candidate
        if not chosen:
            return
        if not chosen.count:
            self._active += 1
        chosen.begin(message_type, start, marks)

    def _end(self, candidate: Candidate) -> None:
        if candidate.marks >= _PREAMBLE_MARKS and candidate.count >= _LEAST_CHARACTERS:
            self._failed = True
        candidate.count = 0
        self._active -= 1

    def _collect(self, candidate: Candidate) -> "Fields | None":
        """Take the characters that are complete; a candidate that cannot be a message ends.

        Behind a sure length byte the last character ends the message, else the carrier does.
        """
        soft = self._soft
        while candidate.count < candidate.longest:
            start = next_character(soft, candidate.next, self._bits, MASK, _STUFFING)
            if start == -1:
                return None
            if start < 0 or mean_strength(soft, start - 10, start + 10, MASK) < _CARRIER_FLOOR:
                break
            candidate.take(hard_byte(soft, start + 1, MASK), start)
            if candidate.count == 2:
                self._doubt_length(candidate, start)
        fields = self._decode(candidate, candidate.count)
        if candidate.doubt:
            other = self._decode(candidate, candidate.count - 1)  # noise may have passed for the last one
            if not fields or not other:
                fields = fields or other
            else:
                fields = None
        if not fields:
            self._end(candidate)
        return fields

    def _doubt_length(self, candidate: Candidate, start: int) -> None:
        bit = 0
        while bit < 8:
            if mean_strength(self._soft, start + 1 + bit, start + 2 + bit, MASK) < _SURE:
                candidate.doubt |= 1 << bit
            bit += 1
        candidate.longest = (candidate.data[1] | candidate.doubt) + 3

    def _decode(self, candidate: Candidate, count: int) -> "Fields | None":
        """Fields of the first `count` characters, mended if need be and if it is clear how."""
        if count < _LEAST_CHARACTERS or (count - 3 ^ candidate.data[1]) & ~candidate.doubt:
            return None
        if mean_strength(self._soft, candidate.begun, candidate.next, MASK) < _REPAIR_FLOOR:
            return None
        data = candidate.data[:count]
        data[1] = count - 3
        if count <= _MAX_MENDED and not self._mend(candidate, data):
            return None
        try:
            fields = decode_caller_id_message(bytes(data))
        except MessageRejected:
            return None
        if data != candidate.data[:count]:
            fields["repaired"] = True
        fields["standard"] = self.standard
        return fields

    def _mend(self, candidate: Candidate, data: bytearray) -> bool:
        """Repair `data`; False too if it has a rival that is nearly as likely."""
        strengths = array("b", [0] * (8 * len(data)))
        take_strengths(self._soft, candidate.starts, strengths, len(data), MASK)
        if candidate.doubt:  # then the end of the carrier gave the length
            for bit in range(8, 16):
                strengths[bit] = 127
        return self._repairer.mend(data, strengths)


def _sync_pattern(message_type: int) -> int:
    """6 marks, a start bit, the type byte least significant bit first, a stop bit."""
    pattern = 0x3F << 1
    for bit in range(8):
        pattern = pattern << 1 | (message_type >> bit & 1)
    return pattern << 1 | 1


_SYNC = {MDMF: _sync_pattern(MDMF), SDMF: _sync_pattern(SDMF)}
_HUNTED = (MDMF, SDMF)
