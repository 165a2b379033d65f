"""When uploads may use the line, and how fast."""

import time
from collections.abc import Callable
from datetime import datetime


def is_quiet(quiet_hours: str, unix_ms: int) -> bool:
    """True inside `HH:MM-HH:MM` by the PC's local time; over midnight where the end is not after the
    start."""
    if not quiet_hours:
        return False
    start, _, end = quiet_hours.partition("-")
    local = f"{datetime.fromtimestamp(unix_ms / 1000):%H:%M}"
    if start < end:
        return start <= local < end
    return local >= start or local < end


class RateCap:
    """Holds a sender to a rate by waiting before each portion. Used by the upload thread alone.

    Args:
        rate_kbps: kbit/s; 0: no cap.
    """

    def __init__(self, rate_kbps: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._rate_kbps = rate_kbps
        self._sleep = sleep

    def wait(self, count: int) -> None:
        """About to send `count` bytes."""
        if self._rate_kbps:
            self._sleep(count * 8 / (self._rate_kbps * 1000))
