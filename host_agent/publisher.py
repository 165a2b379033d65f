"""Which waiting events are published now: in order of arrival, a window at a time, again after a back-off.

Rules:
- Publishing is no proof: an event leaves only through `handle_committed`.
- On a new connection everything in the window is due again (a broker may have forgotten what it
  acknowledged). What is published again is read again: its time may be better known by then.
- An event not listed for `republish_after_ms` is published again; the wait doubles to MAX_WAIT_MS, with
  jitter.
"""

from collections.abc import Callable
from dataclasses import dataclass

from host_agent.spool import Range, Spool, Waiting

MAX_WAIT_MS = 300_000


@dataclass(slots=True)
class _Flight:
    n: int
    due_ms: int
    tries: int = 0


class Publisher:
    """Pure but for the spool it reads. Times are elapsed ms.

    Args:
        publish: sends one event; False: not connected.
        window: events under way at most.
        draw: a random number in [0, 1), for the jitter.
    """

    def __init__(
        self,
        spool: Spool,
        publish: Callable[[Waiting], bool],
        *,
        window: int,
        republish_after_ms: int,
        draw: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._publish = publish
        self._window = window
        self._republish_after_ms = republish_after_ms
        self._draw = draw
        self._flights: dict[int, _Flight] = {}
        self._last_n = 0
        self._connected = False
        self.published = 0
        self.republished = 0

    def handle_connected(self, now_ms: int) -> None:
        """The broker is there: all that is under way is due at once."""
        self._connected = True
        for flight in self._flights.values():
            flight.due_ms = now_ms
            flight.tries = 0
        self.advance(now_ms)

    def handle_disconnected(self) -> None:
        """Nothing is published until the next connection."""
        self._connected = False

    def handle_committed(self, source: str, ranges: list[Range], unix_ms: int, now_ms: int) -> int:
        """The cloud listed these; returns how many left the spool, and fills the window again."""
        left = self._spool.mark_committed(source, ranges, unix_ms)
        for n in left:
            self._flights.pop(n, None)
        self.advance(now_ms)
        return len(left)

    def handle_missing(self, source: str, ranges: list[Range], now_ms: int) -> int:
        """The cloud lost these after it had listed them; returns how many wait for it again."""
        again = self._spool.mark_waiting(source, ranges)
        if again:
            self._last_n = min(self._last_n, min(again) - 1)
            self.advance(now_ms)
        return len(again)

    def advance(self, now_ms: int) -> None:
        """Publish what is due, then new events while the window has room."""
        if not self._connected:
            return
        for flight in self._flights.values():
            if flight.due_ms <= now_ms and not self._send(flight, self._spool.read(flight.n), now_ms):
                return
        while room := self._window - len(self._flights):
            fresh = self._spool.waiting(self._last_n, room)
            for event in fresh:
                self._last_n = event.n
                if event.n in self._flights:  # the cloud asked for one before it
                    continue
                flight = self._flights[event.n] = _Flight(event.n, now_ms)
                if not self._send(flight, event, now_ms):
                    return
            if len(fresh) < room:
                return

    def next_due_ms(self) -> int | None:
        """When `advance` has something to publish again; None: nothing under way, or not connected."""
        if not self._connected or not self._flights:
            return None
        return min(flight.due_ms for flight in self._flights.values())

    def _send(self, flight: _Flight, event: Waiting, now_ms: int) -> bool:
        if not self._publish(event):
            self._connected = False
            return False
        self.published += flight.tries == 0
        self.republished += flight.tries > 0
        wait_ms = min(self._republish_after_ms << min(flight.tries, 16), MAX_WAIT_MS)
        flight.due_ms = now_ms + round(wait_ms * (1 + 0.2 * self._draw()))
        flight.tries += 1
        return True
