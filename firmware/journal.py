"""The journal: every event from the moment it is stated until the desk's spool has it on disk.

Rules:
    1. An event gets the next seq of this boot and is never changed.
    2. It leaves the journal only by `acknowledge` (the spool has it), never because it was sent.
    3. It is bounded. When it is full the oldest goes, and events_lost says which, before anything newer is sent.
"""

from protocol.errors import MessageError
from protocol.messages import encode_message

CAPACITY = 192
FIRST_SEQ = 1


class Journal:
    """The journal of this boot, in RAM.

    Args:
        boot: text `life-count`. uptime_ms: maps a tick to the uptime that events carry.

    Attributes:
        next_seq: what the next event will be called. lost: events dropped since boot.
    """

    def __init__(self, boot, uptime_ms):
        self.boot = boot
        self.next_seq = FIRST_SEQ
        self.lost = 0
        self._uptime_ms = uptime_ms
        self._events = []  # (seq, encoded message), ascending
        self._next_out = 0  # index of the first one not handed out in this session
        self._lost_first = 0
        self._lost_last = 0
        self._last_tick = 0

    @property
    def unsent(self):
        """Events that wait to be handed out."""
        return len(self._events) - self._next_out

    @property
    def unacknowledged(self):
        """Events that the spool does not have yet."""
        return len(self._events)

    def append(self, tick, kind, fields):
        """State one event."""
        seq = self.next_seq
        self.next_seq = seq + 1
        self._last_tick = tick
        uptime_ms = self._uptime_ms(tick)
        try:
            message = encode_message("event", seq, uptime_ms, kind, fields)
        except MessageError:  # too long for a frame: only the name of a caller ID can be
            fields.pop("name", None)
            message = encode_message("event", seq, uptime_ms, kind, fields)
        if len(self._events) >= CAPACITY:
            self._drop_oldest()
        self._events.append((seq, message))

    def next_event(self):
        """The next event to send in this session as an encoded message, or None."""
        if self._lost_first:
            self._tell_lost()
        if self._next_out >= len(self._events):
            return None
        message = self._events[self._next_out][1]
        self._next_out += 1
        return message

    def rewind(self):
        """A new session: everything unacknowledged is handed out again."""
        self._next_out = 0

    def acknowledge(self, boot, ranges):
        """The spool has the events `ranges` ([first, last], both included) of `boot`."""
        if boot != self.boot:
            return
        sent = [event for event in self._events[: self._next_out] if not _is_within(event[0], ranges)]
        waiting = [event for event in self._events[self._next_out :] if not _is_within(event[0], ranges)]
        self._next_out = len(sent)
        self._events = sent + waiting

    def _drop_oldest(self):
        seq, _ = self._events.pop(0)
        self._next_out = max(0, self._next_out - 1)
        self.lost += 1
        self._lost_first = self._lost_first or seq
        self._lost_last = seq

    def _tell_lost(self):
        fields = {
            "lost_boot": self.boot,
            "first": self._lost_first,
            "last": self._lost_last,
            "reason": "journal_full",
        }
        self._lost_first = 0
        seq = self.next_seq
        self.next_seq = seq + 1
        message = encode_message("event", seq, self._uptime_ms(self._last_tick), "events_lost", fields)
        self._events.append((seq, message))


def _is_within(seq, ranges):
    for first, last in ranges:
        if first <= seq <= last:
            return True
    return False
