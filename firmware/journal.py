"""The journal: every event from the moment it is stated until the desk's spool has it on disk.

Rules:
    1. An event gets the next seq of this boot and is never changed.
    2. It leaves the journal only by `acknowledge` (the spool has it), never because it was sent.
    3. It stands in RAM first; `flush`, not called once a recording has sound, copies what is new to flash.
    4. Events of this boot in RAM are handed out first, in order: they make the screen pop. Then the backlog
       from flash, oldest segment first: earlier boots, and what RAM had no room for.
    5. It is bounded. What is dropped unacknowledged is told by events_lost, once there is room to tell it, so
       that telling of a loss costs no other event.
    6. Stating an event never raises for want of memory: then the event is one of the lost.
"""

from array import array

from micropython import const

from firmware.backlog import Backlog
from firmware.board.clock import since_ms
from firmware.event_buffer import EventBuffer
from firmware.flash_log import MAX_SEGMENTS, FlashLog, build_note
from protocol.errors import MessageError
from protocol.messages import encode_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RAM_BYTES = const(5120)
"""About 64 events: those of a call, with the keys pressed in it."""
_FLUSH_BYTES = const(1024)
"""In one append: an append needs them in one piece, which a heap that is nearly full does not have."""
_NO_SPACE = const(28)
_RETRY_MS = const(60_000)
"""A flash that failed is left alone for so long: nothing is given up faster for it than once a minute."""
_TELL_BYTES = const(128)
"""An events_lost takes less."""
_LOSSES = const(8)
_FIRST_SEQ = const(1)


class Journal:
    """The journal of one box.

    Args:
        boot: text `life-count`. uptime_ms: maps a tick to the uptime that events carry.

    Attributes:
        next_seq: what the next event will be called. lost: events dropped since boot.
        flash_errors: appends that failed.
    """

    def __init__(self, boot: str, uptime_ms: "Callable[[int], int]") -> None:
        self.boot = boot
        self.next_seq = _FIRST_SEQ
        self.lost = 0
        self.flash_errors = 0
        self._uptime_ms = uptime_ms
        self._last_tick = 0
        self._failed_at: "int | None" = None
        self._ram = EventBuffer(_RAM_BYTES)
        self._flushed_seq = 0  # all up to this one are on flash
        self._acked_seq = 0  # all in RAM up to this one were acknowledged
        self._noted_seq = 0  # what flash knows of it
        self._losses = array("I", [0] * (2 * _LOSSES))  # (first, last) of what is lost and not yet told
        self._losses_count = 0
        self._own: "list[tuple[int, int]]" = []  # segments of the events in RAM: (segment, last seq)
        self._log = FlashLog(boot)
        self._backlog = Backlog(self._log)

    @property
    def unsent(self) -> int:
        """Events in RAM that wait to be handed out, and one more when the backlog has some."""
        return self._ram.unsent + (1 if self._backlog.can_hand_out else 0)

    @property
    def unacknowledged(self) -> int:
        """Events in RAM that the spool does not have yet."""
        return self._ram.count

    @property
    def backlog_segments(self) -> int:
        """Segments in flash that hold events to be sent."""
        return self._backlog.segments_left

    def append(self, tick: int, kind: str, fields: "dict[str, Any]") -> None:
        """State one event."""
        seq = self.next_seq
        self.next_seq = seq + 1
        self._last_tick = tick
        try:
            uptime_ms = self._uptime_ms(tick)  # beyond 12 days no small integer any more
            try:
                message = encode_message("event", seq, uptime_ms, kind, fields)
            except MessageError:  # too long for a frame: only the name of a caller ID can be
                fields.pop("name", None)
                message = encode_message("event", seq, uptime_ms, kind, fields)
            self._hold(seq, message)
        except MemoryError:
            self._lose(seq)

    def next_event(self) -> "bytes | None":
        """The next event in RAM to send in this session as an encoded message, or None."""
        if self._losses_count:
            self._tell_losses()
        return self._ram.next_event()

    def next_past_event(self) -> "bytes | None":
        """The next one of the backlog, when RAM has none."""
        return self._backlog.next_event()

    def rewind(self) -> None:
        """A new session: everything unacknowledged is handed out again."""
        self._ram.rewind()
        self._backlog.rewind()

    def acknowledge(self, boot: str, ranges: "list[list[int]]") -> None:
        """The spool has the events `ranges` ([first, last], both included) of `boot`."""
        self._backlog.acknowledge(boot, ranges)
        if boot != self.boot:
            return
        self._ram.drop(ranges)
        self._acked_seq = (self._ram.first or self.next_seq) - 1

    def wants_flush(self, now: int) -> bool:
        """True when `flush` has something to do at tick `now`; not soon after an error."""
        if self._failed_at is not None and since_ms(now, self._failed_at) < _RETRY_MS:
            return False
        if self._ram.newest > self._flushed_seq or self._backlog.done:
            return True
        return len(self._own) > 1 and self._own[0][1] <= self._acked_seq

    def flush(self, now: int) -> None:
        """Copy new events to flash, a portion, and delete what nobody needs; up to a flash erase or two."""
        self._failed_at = None
        self._tell_losses()
        is_full = len(self._log.segments) > MAX_SEGMENTS
        if is_full:
            self._tell_oldest_lost()
        try:
            if self._ram.newest > self._flushed_seq:
                self._write(*self._ram.newer_than(self._flushed_seq, _FLUSH_BYTES))
        except OSError as error:  # they stay in RAM; on a full flash the oldest segment makes room
            self.flash_errors += 1
            self._failed_at = now
            if error.errno == _NO_SPACE and self._log.segments and not is_full:
                self._tell_oldest_lost()
                is_full = True
        if is_full:
            self._drop_oldest()
        else:
            self._delete_one()

    def _delete_one(self) -> None:
        if self._backlog.done:
            segment = self._backlog.done.pop(0)
            self._own = [own for own in self._own if own[0] != segment]
            self._log.drop(segment)
        elif len(self._own) > 1 and self._own[0][1] <= self._acked_seq:
            segment = self._own.pop(0)[0]
            if not self._backlog.holds(segment):
                self._log.drop(segment)

    def _write(self, messages: "list[bytes]", last: int) -> None:
        """A segment that the backlog has to send gets no note: what RAM gave up of it nobody has yet."""
        notes: "list[bytes]" = []
        if self._acked_seq > self._noted_seq and not self._backlog.holds(self._log.newest):
            notes.append(build_note(self._acked_seq))
        self._log.append(messages + notes)
        self._flushed_seq = last
        if notes:
            self._noted_seq = self._acked_seq
        if self._own and self._own[-1][0] == self._log.newest:
            self._own.pop()
        self._own.append((self._log.newest, self._flushed_seq))

    def _hold(self, seq: int, message: bytes) -> None:
        while not self._ram.append(seq, message):
            self._make_room()

    def _make_room(self) -> None:
        """RAM is full: what is on flash goes over to the backlog, else the oldest event is lost.

        RAM lets go last: memory may be short at every line.
        """
        if self._ram.first <= self._flushed_seq:
            going = [[_FIRST_SEQ, self._flushed_seq]]
            self._backlog.take_over([segment for segment, _ in self._own])
            self._own = []
        else:
            going = [[_FIRST_SEQ, self._ram.first]]
            self._lose(self._ram.first)
        self._ram.drop(going)

    def _lose(self, seq: int) -> None:
        """Note a loss, in memory that is there already; when there are too many, the last one grows."""
        losses, last = self._losses, 2 * self._losses_count - 2
        if last >= 0 and losses[last + 1] + 1 == seq:
            losses[last + 1] = seq
        elif self._losses_count < _LOSSES:
            losses[last + 2] = losses[last + 3] = seq
            self._losses_count += 1
        else:
            losses[last] = min(losses[last], seq)
            losses[last + 1] = max(losses[last + 1], seq)

    def _tell_losses(self) -> None:
        """The latest first, while there is room."""
        while self._losses_count and self._ram.has_room(_TELL_BYTES):
            at = 2 * self._losses_count - 2
            if not self._tell_lost(self.boot, self._losses[at], self._losses[at + 1], "ram_full"):
                return
            self._losses_count -= 1

    def _tell_oldest_lost(self) -> None:
        """Flash is full: the oldest segment will go; what only it holds is on flash as lost before that."""
        segment = self._log.segments[0]
        if self._backlog.holds(segment):
            boot, first, last = self._log.read_range(segment)
            if last:
                self._tell_lost(boot, first, last, "journal_full")

    def _drop_oldest(self) -> None:
        segment = self._log.segments[0]
        self._backlog.forget(segment)
        if self._own and self._own[0][0] == segment:
            self._own.pop(0)
            self._flushed_seq = 0  # what RAM still holds of it must be written again
        self._log.drop(segment)

    def _tell_lost(self, boot: str, first: int, last: int, reason: str) -> bool:
        """False: there is no memory to tell it."""
        fields = {"lost_boot": boot, "first": first, "last": last, "reason": reason}
        seq = self.next_seq
        try:
            message = encode_message("event", seq, self._uptime_ms(self._last_tick), "events_lost", fields)
        except MemoryError:
            return False
        self.next_seq = seq + 1
        self.lost += last - first + 1
        self._hold(seq, message)
        return True
