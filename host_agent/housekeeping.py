"""What the agent does now and then: look at the disk, let old things go, raise the alarm for what waits too
long, and say what it holds."""

from dataclasses import dataclass

import structlog

from host_agent.captures import Captures
from host_agent.disk import CHECK_EVERY_MS, MB, DiskWatch
from host_agent.intake import Intake
from host_agent.ports import Instant
from host_agent.recording_flow import RecordingFlow
from host_agent.recording_index import RecordingIndex
from host_agent.recordings import Recordings
from host_agent.report import Reporter
from host_agent.settings import AgentSettings
from host_agent.spool import Spool

DAY_MS = 86_400_000

log = structlog.get_logger()


@dataclass(slots=True)
class Housekeeping:
    """The core's thread owns it; `advance` does something each CHECK_EVERY_MS."""

    settings: AgentSettings
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
    ages_from_ms: int = 0
    retention_from_ms: int = 0

    def mark_stepped(self, now: Instant) -> None:
        """The PC's clock jumped: how old the backlog is cannot be told for as long as it may be, and nothing
        goes by its age for a day, in which the clock may be put right."""
        self.ages_from_ms = now.elapsed_ms + self.settings.backlog_alarm_s * 1000
        self.retention_from_ms = now.elapsed_ms + DAY_MS

    def advance(self, now: Instant) -> None:
        """Run what is due."""
        if now.elapsed_ms < self.due_ms:
            return
        self.due_ms = now.elapsed_ms + CHECK_EVERY_MS
        if now.elapsed_ms >= self.retention_from_ms:
            self._let_go(now.unix_ms)
        self._watch_disk(now)
        self._watch_backlog(now)
        self.reporter.advance(now)

    def _let_go(self, unix_ms: int) -> None:
        """What is older than its retention."""
        self.spool.prune(unix_ms - self.settings.event_retention_days * DAY_MS)
        kept_ms = self.settings.recording_retention_days * DAY_MS
        self.flow.expire(self.index.verified_before(unix_ms - kept_ms))
        self.captures.prune(unix_ms - self.settings.capture_retention_days * DAY_MS)

    def _watch_disk(self, now: Instant) -> None:
        missing, expired, freed = self.disk.check(), 0, 0
        while freed < missing and (oldest := self.index.in_state("verified", limit=1)):
            freed += self.flow.expire(oldest)
            expired += 1
        if expired:
            log.warning("disk.expired_recordings", count=expired, freed_mb=freed // MB)
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
        if now.elapsed_ms < self.ages_from_ms:
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
