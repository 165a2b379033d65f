"""The PC's own clock."""

import time

from host_agent.ports import Instant


class SystemClock:
    """UTC from the PC; elapsed time that goes on through sleep where the system can say so."""

    def __init__(self) -> None:
        boot_time = getattr(time, "CLOCK_BOOTTIME", None)
        self._boot_time: int | None = boot_time
        self._start_ms = self._read_ms()

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000, self._read_ms() - self._start_ms)

    def _read_ms(self) -> int:
        if self._boot_time is not None:
            return time.clock_gettime_ns(self._boot_time) // 1_000_000
        return time.monotonic_ns() // 1_000_000
