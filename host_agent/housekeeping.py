"""What the agent does now and then: look at the disk, let old things go, raise the alarm for what waits too
long, and say what it holds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from host_agent.ages import Ages
from host_agent.captures import Captures
from host_agent.disk import CHECK_EVERY_MS, MB, DiskWatch
from host_agent.errors import AgentError
from host_agent.intake import Intake
from host_agent.ports import Instant
from host_agent.recording_flow import RecordingFlow
from host_agent.recording_index import RecordingIndex
from host_agent.recordings import Recordings
from host_agent.report import Reporter
from host_agent.settings import AgentSettings
from host_agent.spool import Spool

DAY_MS = 86_400_000
MAX_EXPIRED = 50
"""Recordings deleted in one look, at most."""

_Given = TypeVar("_Given")

log = structlog.get_logger()


@dataclass(slots=True)
class Housekeeping:
    """The core's thread owns it; `advance` does something each CHECK_EVERY_MS."""

    settings: AgentSettings
    ages: Ages
    disk: DiskWatch
    spool: Spool
    intake: Intake
    index: RecordingIndex
    recordings: Recordings
    captures: Captures
    flow: RecordingFlow
    reporter: Reporter
    due_ms: int = 0
    has_backlog_alarm: bool = False
    alarm_from_ms: int = 0
    failing: dict[str, str] = field(default_factory=dict)

    def mark_stepped(self, by_ms: int, now: Instant) -> None:
        """The PC's clock jumped: how old the backlog is cannot be told for as long as it may be."""
        self.alarm_from_ms = now.elapsed_ms + self.settings.backlog_alarm_s * 1000
        self.ages.mark_stepped(by_ms, now)

    def advance(self, now: Instant) -> None:
        """Run what is due."""
        if now.elapsed_ms < self.due_ms:
            return
        self.due_ms = now.elapsed_ms + CHECK_EVERY_MS
        self._run(self._watch_disk, now)
        if (unix_ms := self.ages.now_ms(now)) is not None:
            for let_go in (self._let_events_go, self._let_recordings_go, self._let_captures_go):
                self._run(let_go, unix_ms)
        self._run(self._watch_backlog, now)
        self._run(self.reporter.advance, now)

    def _run(self, task: Callable[[_Given], None], given: _Given) -> None:
        """One task; what keeps it from its work is said once, and keeps no other from theirs."""
        name = task.__name__
        try:
            task(given)
            self.failing.pop(name, None)
        except AgentError as error:
            if self.failing.get(name) != error.code:
                log.error(error.code, problem=error.problem, remedy=error.remedy)
            self.failing[name] = error.code

    def _let_events_go(self, unix_ms: int) -> None:
        self.spool.prune(unix_ms - self.settings.event_retention_days * DAY_MS)

    def _let_recordings_go(self, unix_ms: int) -> None:
        before_ms = unix_ms - self.settings.recording_retention_days * DAY_MS
        self.flow.expire(self.index.verified_before(before_ms, MAX_EXPIRED))

    def _let_captures_go(self, unix_ms: int) -> None:
        self.captures.prune(unix_ms - self.settings.capture_retention_days * DAY_MS)

    def _make_room(self, missing_bytes: int) -> None:
        expired = self.flow.expire(self.index.in_state("verified", MAX_EXPIRED), missing_bytes)
        if expired:
            freed_bytes = sum(row.bytes or 0 for row in expired)
            log.warning("disk.expired_recordings", count=len(expired), freed_mb=freed_bytes // MB)

    def _watch_disk(self, now: Instant) -> None:
        if missing_bytes := self.disk.check():
            self._run(self._make_room, missing_bytes)
        is_low = self.disk.check() > 0
        if is_low and not self.disk.is_low:
            fields = {"free_mb": self.disk.free_bytes // MB, "reserve_mb": self.disk.reserve_bytes // MB}
            self.intake.state("disk_low", fields, now)
            log.error(
                "disk.low", **fields, remedy="Free some space: nothing new is recorded until there is room."
            )
        self.disk.is_low = is_low
        self.recordings.has_room = self.captures.has_room = not is_low

    def _watch_backlog(self, now: Instant) -> None:
        if now.elapsed_ms < self.alarm_from_ms:
            return
        backlog = self.spool.backlog()
        age_ms = 0 if backlog.oldest_ms is None else now.unix_ms - backlog.oldest_ms
        is_late = age_ms > self.settings.backlog_alarm_s * 1000
        if is_late and not self.has_backlog_alarm:
            log.error(
                "spool.backlog",
                waiting=backlog.count,
                oldest_s=age_ms // 1000,
                remedy="Check the network, the broker and the cloud; the events are safe on this PC.",
            )
        self.has_backlog_alarm = is_late
