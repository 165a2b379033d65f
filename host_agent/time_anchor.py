"""From a source's uptime to UTC, and how far that can be trusted.

Rules:
- One anchor per boot of a source and run of the agent: the first instant at which both uptime and UTC were
  known.
- With a known offset to the cloud the anchor is in cloud time and its events are `synced`; a later jump of
  the PC's clock cannot touch them.
- Without one, a boot that an earlier run knew goes on with that run's anchor: the box's uptime went on.
- Else it is in the time that this run began with, carried on by elapsed time: a jump of the PC's clock while
  nobody can be asked moves no event. `unsynced`, and `stepped` from the moment a jump was seen.
- As soon as the cloud has told the time, boots that are there go on in it, and what waits of them is moved.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from host_agent.ports import Instant
from protocol.event_json import EventRecord

STEP_MS = 1_000
"""A jump of the PC's clock against its own elapsed time, from one look to the next, from which on it is a
step and not drift."""
LAST_MS = 253_402_300_799_999
"""The end of 9999."""
TOLERANCE_MS = 250
"""How well HTTP tells the time."""


def format_utc(unix_ms: int) -> str:
    """`2026-03-17T08:56:00.123Z`; what lies outside 1970 to 9999 is the nearest that does not."""
    unix_ms = min(max(unix_ms, 0), LAST_MS)
    moment = datetime.fromtimestamp(unix_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}Z"


def parse_utc(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time with its zone.

    Raises:
        ValueError: no such time, or one without a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text}")
    return round(moment.timestamp() * 1000)


class CloudOffset:
    """Cloud time minus the PC's time, from the cloud's answers.

    Args:
        tolerance_ms: an offset no larger than this, or than half its round trip, is the measurement's own
        error
            and counts as zero.

    Attributes:
        ms: None until the first answer, and again after the PC's clock jumped.
    """

    def __init__(self, tolerance_ms: int = TOLERANCE_MS) -> None:
        self.ms: int | None = None
        self._tolerance_ms = tolerance_ms

    def learn(self, cloud_ms: int, sent_ms: int, received_ms: int) -> None:
        """One answer: the cloud's clock, and the PC's when asking and when answered (UTC ms)."""
        round_trip_ms = max(0, received_ms - sent_ms)
        offset_ms = cloud_ms - (sent_ms + received_ms) // 2
        self.ms = offset_ms if abs(offset_ms) > max(self._tolerance_ms, round_trip_ms // 2) else 0

    def forget(self) -> None:
        """The PC's clock jumped: what was measured is void."""
        self.ms = None

    def cloud_ms(self, now: Instant) -> int | None:
        """The cloud's time now, None while unknown."""
        return None if self.ms is None else now.unix_ms + self.ms


class RunTime:
    """UTC of this run of the agent: the cloud's where it was ever told, else an earlier run's, else the PC's
    as it was first read.

    Attributes:
        zero_ms: UTC of elapsed time 0; None until it was asked for.
        clock: `synced`, `unsynced` or `stepped`.
    """

    def __init__(self, offset: CloudOffset) -> None:
        self.zero_ms: int | None = None
        self.clock = "unsynced"
        self._is_own = True  # nobody but this PC's clock has said it
        self._offset = offset

    def read(self, now: Instant) -> tuple[int, str]:
        """(UTC of elapsed time 0, how far it can be trusted)."""
        cloud_ms = self._offset.cloud_ms(now)
        if cloud_ms is not None:
            self.zero_ms, self.clock, self._is_own = cloud_ms - now.elapsed_ms, "synced", False
        elif self.zero_ms is None:
            self.zero_ms = now.unix_ms - now.elapsed_ms
        return self.zero_ms, self.clock

    def utc_ms(self, now: Instant) -> int:
        """UTC now."""
        return self.read(now)[0] + now.elapsed_ms

    def learn(self, zero_ms: int, clock: str) -> None:
        """An earlier run's anchor says when this one began; the first or first synced one is believed.

        Not one that is in doubt itself.
        """
        is_first = self._is_own and clock != "stepped"
        if is_first or (clock == "synced" and self.clock != "synced"):
            self.zero_ms, self.clock, self._is_own = zero_ms, clock, False

    def mark_stepped(self) -> None:
        """The PC's clock jumped; what is carried on by elapsed time does not, but its begin is in doubt."""
        if self.clock == "unsynced":
            self.clock = "stepped"


class StepDetector:
    """Sees jumps of the PC's clock by its elapsed time."""

    def __init__(self) -> None:
        self._base_ms: int | None = None

    def check(self, now: Instant) -> int:
        """The jump since the last look in ms (forward is positive), 0 for none; drift adds up to none."""
        base_ms = now.unix_ms - now.elapsed_ms
        jump_ms = 0 if self._base_ms is None else base_ms - self._base_ms
        self._base_ms = base_ms
        return jump_ms if abs(jump_ms) >= STEP_MS else 0


@dataclass(slots=True)
class TimeAnchor:
    """UTC of a boot's uptime zero, and its quality."""

    zero_ms: int
    clock: str

    def betters(self, other: "TimeAnchor") -> bool:
        """What is in the time of `other` should go into this one."""
        return other.clock != "synced" and (self.clock == "synced" or self.zero_ms != other.zero_ms)

    def mark_stepped(self) -> None:
        """The PC's clock jumped; a synced anchor does not depend on it."""
        if self.clock == "unsynced":
            self.clock = "stepped"

    def at(self, uptime_ms: int) -> str:
        """UTC of that uptime as the event's `at`."""
        return format_utc(self.zero_ms + uptime_ms)

    def stamp(self, event: EventRecord) -> EventRecord:
        """The same event in this time; one in cloud time stays as it is."""
        if event.clock == "synced":
            return event
        return replace(event, at=self.at(event.uptime_ms), clock=self.clock)
