"""Dial pulses and the flash hook, from the times at which an off-hook loop opens and closes.

Limits between the standards' figures: a break of 60 or 67 ms (10 pps, 40/60 and 33/67) is a pulse, 100 ms the
shortest flash, so 85 ms parts them; a pause over 250 ms ends a digit (shortest inter-digit pause 500 ms);
a break of 600 ms is the end of the call.
"""

from micropython import const

from firmware.board.clock import since_ms

_MIN_BREAK_MS = const(20)
"""A shorter break is a bouncing contact."""
_MAX_PULSE_MS = const(85)
DIGIT_PAUSE_MS = 250
_DIGITS = "?1234567890"

NONE, DIGIT, FLASHED = 0, 1, 2


class PulseCounter:
    """Counts breaks. Attribute `digit` holds the last digit completed."""

    def __init__(self) -> None:
        self.digit = ""
        self._count = 0
        self._closed_at = 0

    @property
    def is_idle(self) -> bool:
        """No digit is half dialled."""
        return not self._count

    def reset(self) -> None:
        """Forget a digit half dialled."""
        self._count = 0

    def closed(self, opened_at: int, closed_at: int) -> int:
        """The loop closed after a break; FLASHED, or NONE."""
        length_ms = since_ms(closed_at, opened_at)
        if length_ms < _MIN_BREAK_MS:
            return NONE
        self._closed_at = closed_at
        if length_ms > _MAX_PULSE_MS:
            self._count = 0
            return FLASHED
        self._count += 1
        return NONE

    def pause(self, now: int) -> int:
        """Called while the loop is closed; DIGIT when a digit is complete, else NONE."""
        if not self._count or since_ms(now, self._closed_at) < DIGIT_PAUSE_MS:
            return NONE
        count, self._count = self._count, 0
        if count > 10:
            return NONE
        self.digit = _DIGITS[count]
        return DIGIT
