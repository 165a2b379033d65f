"""Line time and what is due when.

Line time is whole milliseconds since the line was made. The line has no other clock: nothing here sleeps or
reads the time of day, so the same scenario gives the same line, byte for byte, at any speed.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

NEVER_MS = 1 << 62


@dataclass(order=True)
class Entry:
    """One thing to do; `cancel` it by `Entry.cancel`."""

    due_ms: int
    order: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Do nothing when the time comes; harmless after it has come."""
        self.action = None


class Agenda:
    """Actions in order of time; those of the same millisecond in the order in which they were entered."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._entries: list[Entry] = []
        self._count = 0

    def after(self, delay_ms: float, action: Callable[[], None]) -> Entry:
        """Do `action` in `delay_ms` (rounded; 0 or less means before the next sample)."""
        self._count += 1
        entry = Entry(self.now_ms + max(0, round(delay_ms)), self._count, action)
        heapq.heappush(self._entries, entry)
        return entry

    @property
    def next_ms(self) -> int:
        """When the next action is due; `NEVER_MS` when there is none."""
        while self._entries and self._entries[0].action is None:
            heapq.heappop(self._entries)
        return self._entries[0].due_ms if self._entries else NEVER_MS

    def run_due(self) -> None:
        """Do what is due by now, including what those actions enter for now."""
        while self.next_ms <= self.now_ms:
            action = heapq.heappop(self._entries).action
            if action is not None:
                action()
