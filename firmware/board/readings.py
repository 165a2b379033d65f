"""What stands on the pair, read each 5 ms by a timer interrupt into a ring that is made once.

The loop takes the readings a block at a time, so 25 Hz ringing, a flash hook and 10 pps pulses keep their
times though the loop steps 32 ms. The ring holds 320 ms; readings beyond it are dropped and counted.
"""

import time
from array import array

from micropython import const

from firmware.board.clock import MASK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Timer

PERIOD_MS = 5
_SIZE = const(64)
_MASK = _SIZE - 1
RING, REVERSED = 1, 2


class Readings:
    """A ring of (tick, loop_mv, flags), written by the timer and read by the loop.

    Attributes:
        at: tick of the reading that `take` took; `loop_mv`: signed, thousandths of a volt; `flags`: RING |
        REVERSED.
        dropped: readings that found the ring full.
    """

    def __init__(self, read_line_mv: "Callable[[], int]", read_flags: "Callable[[], int]") -> None:
        self.at = 0
        self.loop_mv = 0
        self.flags = 0
        self.dropped = 0
        self._read_line_mv = read_line_mv
        self._read_flags = read_flags
        self._ticks = array("I", [0] * _SIZE)
        self._levels = array("i", [0] * _SIZE)
        self._flags = bytearray(_SIZE)
        self._head = 0
        self._tail = 0

    def on_timer(self, _timer: "Timer") -> None:
        """The interrupt: read and store, nothing else."""
        head = self._head
        following = (head + 1) & _MASK
        if following == self._tail:
            self.dropped = (self.dropped + 1) & MASK
            return
        self._ticks[head] = time.ticks_ms() & MASK  # type: ignore[operator]
        self._levels[head] = self._read_line_mv()
        self._flags[head] = self._read_flags()
        self._head = following

    def take(self) -> bool:
        """Step to the oldest reading not yet taken; False when there is none."""
        tail = self._tail
        if tail == self._head:
            return False
        self.at = self._ticks[tail]
        self.loop_mv = self._levels[tail]
        self.flags = self._flags[tail]
        self._tail = (tail + 1) & _MASK
        return True
