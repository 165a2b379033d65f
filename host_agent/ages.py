"""By what time things are old enough to go, and when nothing goes by its age: drafts, captures and the roster
exist only here, and a wrong clock must not take them.

Rules:
- After a jump of the PC's clock of BIG_STEP_MS or more nothing goes for STEP_HOLD_MS, in which the clock may
  be put right.
- A run that was not yet told the time lets nothing go for START_HOLD_MS: the clock may be wrong from the
  start. Not for longer: where the cloud stays away, personal data must go all the same, on a PC too that is
  switched off each night.
- Where the cloud has told the time, the earlier one of its time and the PC's counts.

What a low disk or a spool at its limit takes has nothing to do with age.
"""

from host_agent.ports import Instant
from host_agent.time_anchor import CloudOffset

BIG_STEP_MS = 3_600_000
STEP_HOLD_MS = 86_400_000
START_HOLD_MS = 4 * 3_600_000


class Ages:
    """The core's thread owns it. `elapsed_ms`: of the run's start."""

    def __init__(self, offset: CloudOffset, elapsed_ms: int) -> None:
        self._offset = offset
        self._start_until_ms = elapsed_ms + START_HOLD_MS
        self._step_until_ms = elapsed_ms

    def mark_stepped(self, by_ms: int, now: Instant) -> None:
        """The PC's clock jumped by so much."""
        if abs(by_ms) >= BIG_STEP_MS:
            self._step_until_ms = now.elapsed_ms + STEP_HOLD_MS

    def now_ms(self, now: Instant) -> int | None:
        """UTC ms by which ages are told; None: nothing goes by its age now."""
        if now.elapsed_ms < self._step_until_ms:
            return None
        cloud_ms = self._offset.cloud_ms(now)
        if cloud_ms is not None:
            return min(cloud_ms, now.unix_ms)
        return None if now.elapsed_ms < self._start_until_ms else now.unix_ms
