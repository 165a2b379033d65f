"""What stands on the pair, read each 5 ms by a timer interrupt into a ring that is made once.

The loop takes the readings a block at a time, so 25 Hz ringing, a flash hook and 10 pps pulses keep their
times though the loop steps 32 ms. The ring holds 320 ms; readings beyond it are dropped and counted.
"""

import time
from array import array

from micropython import const

from firmware.board.clock import MASK
from firmware.dsp.calm import pass_calm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Timer

PERIOD_MS = 5
_SIZE = const(64)
_MASK = _SIZE - 1
RING = 1


class Readings:
    """A ring of (tick, loop_mv, flags), written by the timer and read by the loop.

    Attributes:
        at: tick of the reading that `take` took; `flags`: RING, or 0, of the same.
        loop_mv: of the last one taken or passed; signed, thousandths of a volt.
        dropped: readings that found the ring full.
    """

    def __init__(self, read_line_mv: "Callable[[], int]", read_ring_pin: "Callable[[], int]") -> None:
        self.at = 0
        self.loop_mv = 0
        self.flags = 0
        self.dropped = 0
        self._read_line_mv = read_line_mv
        self._read_ring_pin = read_ring_pin
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
        self._flags[head] = self._read_ring_pin() ^ RING  # low while it rings
        self._head = following

    def take(self, low_mv: int, high_mv: int) -> bool:
        """Pass the readings between low_mv and high_mv in which nothing rings, and take the next one; False
        when there is none."""
        head = self._head
        tail = pass_calm(self._levels, self._flags, self._tail, head, low_mv, high_mv)
        if tail == head:
            self._tail = head
            self.loop_mv = self._levels[head - 1 & _MASK]
            return False
        self.at = self._ticks[tail]
        self.loop_mv = self._levels[tail]
        self.flags = self._flags[tail]
        self._tail = (tail + 1) & _MASK
        return True
