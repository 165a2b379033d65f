"""`time` under the sample clock: ticks stand still until the simulator grants the next samples.

Found before the built-in module, whose other names it passes on. Sleeping is an error: the one loop of the
firmware waits in `select.poll` only.
"""

import granted
from micropython import const
from utime import *  # noqa: F403  (the built-in under its old name)

_TICKS_MASK = const(0x3FFFFFFF)
"""Ticks wrap at 2^30 as on a 32-bit board; the unix port's own wrap at 2^62."""


def ticks_ms():
    """Milliseconds since power-on, modulo 2^30."""
    return granted.clock.now_ms & _TICKS_MASK


def ticks_us():
    """Microseconds, modulo 2^30; as coarse as the grants."""
    return (granted.clock.now_ms & 0xFFFFF) * 1000 & _TICKS_MASK


def ticks_diff(later, earlier):
    """`later - earlier` on the ring of 2^30, -2^29..2^29-1."""
    return ((later - earlier + 0x20000000) & _TICKS_MASK) - 0x20000000


def ticks_add(ticks, delta):
    """`ticks + delta` on the ring of 2^30."""
    return (ticks + delta) & _TICKS_MASK
