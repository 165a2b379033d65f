"""The backlog: events in flash that RAM does not hold, handed out segment by segment, oldest first.

Rules:
    1. Segments of earlier boots are backlog from the start; those of this boot join when RAM gives up its
       copies.
    2. At most _WINDOW events are handed out and unacknowledged.
    3. A segment all of whose events were handed out and acknowledged is done; its file is deleted later, when
       flash may be written. A new session hands out again every segment that is not done.
"""

from micropython import const

from firmware.flash_log import FlashLog, decode_parts, is_note
from protocol.errors import MessageError
from protocol.messages import encode_message

_WINDOW = const(48)
_PASSED_OVER = const(8)
"""Records in one pass that need not be handed out: each costs 3 ms."""


class Portion:
    """A segment under way. Attributes: boot; waiting: seqs handed out, unacknowledged; whole: all handed
    out."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.waiting: "list[int]" = []
        self.whole = False


class Backlog:
    """Reads the segments of a FlashLog for the link. Attribute `done`: segments whose files may go."""

    def __init__(self, log: FlashLog) -> None:
        self.done: "list[int]" = []
        self._log = log
        self._left = list(log.segments)  # not handed out whole, oldest first
        self._under_way: "dict[int, Portion]" = {}
        self._waiting = 0
        self._offset = 0  # in the first one left; 0: not begun
        self._noted = 0  # all of it up to this seq are known to be acknowledged

    @property
    def segments_left(self) -> int:
        """Segments that are not done."""
        return len(self._left) + len([1 for portion in self._under_way.values() if portion.whole])

    @property
    def can_hand_out(self) -> bool:
        """True when `next_event` may have one."""
        return bool(self._left) and self._waiting < _WINDOW

    def take_over(self, segments: "list[int]") -> None:
        """Add segments of this boot, none older than those it has."""
        self._left.extend([segment for segment in segments if not self.holds(segment)])

    def holds(self, segment: int) -> bool:
        """True while the segment is in the backlog and not done."""
        return segment in self._left or segment in self._under_way

    def next_event(self) -> "bytes | None":
        """The next event as an encoded message, or None: in this pass, while `can_hand_out`."""
        passed_over = 0
        while self.can_hand_out and passed_over < _PASSED_OVER:
            segment = self._left[0]
            portion = self._under_way.get(segment) or self._begin(segment)
            record = self._log.read(segment, self._offset) if portion.boot else None
            if record is None:
                if segment == self._log.newest:
                    self._log.begin_new()  # what is read to its end is not appended to any more
                self._left.pop(0)
                self._offset = 0
                portion.whole = True
                self._settle(segment, portion)
                continue
            payload, self._offset = record
            message = self._repeat(payload, portion)
            if message is not None:
                return message
            passed_over += 1
        return None

    def rewind(self) -> None:
        """A new session."""
        again = [segment for segment in self._under_way if segment not in self._left]
        self._left = sorted(again + self._left)
        self._under_way = {}
        self._waiting = 0
        self._offset = 0

    def acknowledge(self, boot: str, ranges: "list[list[int]]") -> None:
        """The spool has these events of `boot`."""
        for segment, portion in list(self._under_way.items()):
            if portion.boot == boot:
                kept = [seq for seq in portion.waiting if not any(a <= seq <= b for a, b in ranges)]
                self._waiting -= len(portion.waiting) - len(kept)
                portion.waiting = kept
                self._settle(segment, portion)

    def forget(self, segment: int) -> None:
        """The segment is being deleted."""
        portion = self._under_way.pop(segment, None)
        if portion is not None:
            self._waiting -= len(portion.waiting)
        if segment in self.done:
            self.done.remove(segment)
        if segment in self._left:
            if segment == self._left[0]:
                self._offset = 0
            self._left.remove(segment)

    def _begin(self, segment: int) -> Portion:
        boot, self._offset = self._log.read_boot(segment)
        self._noted = self._log.read_note(segment, self._offset) if boot else 0
        portion = self._under_way[segment] = Portion(boot)
        return portion

    def _repeat(self, payload: bytes, portion: Portion) -> "bytes | None":
        """The message that repeats a record, or None for a note and for what is acknowledged."""
        if is_note(payload):
            return None
        parts = decode_parts(payload)
        if len(parts) != 5 or parts[1] <= self._noted:
            return None
        try:
            message = encode_message("past_event", portion.boot, *parts[1:])
        except MessageError:  # the boot made it too long: only the name of a caller ID can be left out
            parts[4].pop("name", None)
            message = encode_message("past_event", portion.boot, *parts[1:])
        portion.waiting.append(parts[1])
        self._waiting += 1
        return message

    def _settle(self, segment: int, portion: Portion) -> None:
        if portion.whole and not portion.waiting:
            del self._under_way[segment]
            self.done.append(segment)
