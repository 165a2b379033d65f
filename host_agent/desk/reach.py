"""Whether the cloud answers, as far as the desk's page must know. Pure.

    unknown, away --one answer--> back --STEADY_MS of answers--> there
    any --FAILURES in a row--> away

Asked only while a page looks on, every EVERY_MS.
"""

from enum import StrEnum

from host_agent.ports import Instant

EVERY_MS = 2_000
STEADY_MS = 4_000
FAILURES = 2


class Reach(StrEnum):
    UNKNOWN = "unknown"
    AWAY = "away"
    BACK = "back"
    THERE = "there"


class CloudWatch:
    """Counts answers. Times are elapsed ms."""

    def __init__(self) -> None:
        self.reach = Reach.UNKNOWN
        self._failures = 0
        self._since_ms = 0

    def handle_answer(self, now: Instant) -> None:
        """It answered."""
        self._failures = 0
        if self.reach in (Reach.UNKNOWN, Reach.AWAY):
            self.reach, self._since_ms = Reach.BACK, now.elapsed_ms
        elif now.elapsed_ms - self._since_ms >= STEADY_MS:
            self.reach = Reach.THERE

    def handle_silence(self) -> None:
        """It did not."""
        self._failures += 1
        if self._failures >= FAILURES:
            self.reach = Reach.AWAY

    def forget(self) -> None:
        """Nobody looks on any more."""
        self.reach, self._failures = Reach.UNKNOWN, 0
