"""What the core shows to the page's threads: one frozen state, and a bell that rings when it, or the spool,
changed.

The core's thread only swaps a reference here; everything slow (reading, projecting, rendering) is done by the
threads of the page, each with a connection of its own.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from host_agent.desk.reach import Reach
from host_agent.desk.roster import Roster


@dataclass(frozen=True, slots=True)
class DeskState:
    """The desk at one moment.

    Attributes:
        boots: source → boot of the boxes that are there.
        stored: events stored since the start; it grows with each that a page must show.
        drafts: changes of drafts since the start.
        offset_ms: cloud time minus the PC's, 0 while unknown.
    """

    boots: Mapping[str, str] = field(default_factory=dict)
    stored: int = 0
    drafts: int = 0
    is_broker_up: bool = False
    reach: Reach = Reach.UNKNOWN
    roster: Roster | None = field(default=None, compare=False)  # its tag stands for it
    roster_tag: str = ""
    offset_ms: int = 0


class Window:
    """The state, its number, and the key that opens the page (empty: it is shut)."""

    def __init__(self) -> None:
        self.page_key = ""
        self._state = DeskState()
        self._number = 0
        self._bell = threading.Condition()

    @property
    def state(self) -> DeskState:
        """As it is now."""
        return self._state

    @property
    def number(self) -> int:
        """Of the state: it grows with each change."""
        return self._number

    def show(self, state: DeskState) -> None:
        """From the core's thread; rings only if something changed."""
        if state == self._state:
            return
        with self._bell:
            self._state = state
            self._number += 1
            self._bell.notify_all()

    def shut(self) -> None:
        """The page opens to nobody any more; those who look on are let go."""
        with self._bell:
            self.page_key = ""
            self._number += 1
            self._bell.notify_all()

    def await_change(self, seen: int, timeout_s: float) -> int:
        """Return the number when it is not `seen` any more, or after `timeout_s`."""
        with self._bell:
            self._bell.wait_for(lambda: self._number != seen, timeout_s)
            return self._number
