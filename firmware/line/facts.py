"""What the loop sensor can state about the pair: small integers, so that stating one allocates nothing."""

try:
    from micropython import const
except ImportError:  # CPython

    def const(value: int) -> int:  # type: ignore[misc]
        return value


NOTHING = const(0)
FOUND_ON_HOOK = const(1)
"""First verdict after boot; the three FOUND_ facts come once."""
FOUND_OFF_HOOK = const(2)
FOUND_CUT = const(3)
BURST_BEGAN = const(4)
BURST_ENDED = const(5)
LIFTED = const(6)
HUNG_UP = const(7)
LINE_CUT = const(8)
RESTORED = const(9)
"""A cut line is whole again and on-hook."""
REVERSED = const(10)
STRAIGHT = const(11)
"""The polarity is again the one found at boot."""
LEVEL_LOW = const(12)
"""A second set in parallel was lifted."""
LEVEL_NORMAL = const(13)
PULSE_DIGIT = const(14)
"""The digit stands in `digit`."""
FLASH = const(15)
LOOP_OPENED = const(16)
"""Off-hook, and the loop has just opened: a pulse, a flash or the end; which one is not known yet."""
LOOP_CLOSED = const(17)
