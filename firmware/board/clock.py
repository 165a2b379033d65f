"""Time: the millisecond ticks of the board's timer, and the uptime that events carry.

Hot code keeps ticks: they stay below 2^30 and so never allocate on the board; differences are taken modulo
2^30. `uptime_ms` counts the ticks' wraps (every 12.4 days) and is computed only when an event is made.
"""

import time

from micropython import const

MASK = 0x3FFFFFFF
_HALF = const(0x20000000)


def since_ms(later: int, earlier: int) -> int:
    """Milliseconds from tick `earlier` to tick `later`, 0..2^30-1."""
    return (later - earlier) & MASK


class Clock:
    """The board's uptime. `read` must be called at least once in six days; the loop does it each block."""

    def __init__(self) -> None:
        self._last: int = time.ticks_ms()  # type: ignore[assignment]
        self._wraps = 0

    def read(self) -> int:
        """The tick now, 0..2^30-1."""
        now: int = time.ticks_ms() & MASK  # type: ignore[operator]
        if now < self._last:
            self._wraps += 1
        self._last = now
        return now

    def uptime_ms(self, tick: int) -> int:
        """The uptime at `tick`, which lies at most six days from now; never under 0."""
        wraps = self._wraps
        if tick - self._last > _HALF:
            wraps -= 1
        elif self._last - tick > _HALF:
            wraps += 1
        return max(0, (wraps << 30) + tick)
