"""Events on their way into the spool: collected, stored in one commit, and only then answered for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from host_agent.database import transaction
from host_agent.errors import AgentError
from host_agent.identity import Identity
from host_agent.ports import Instant
from host_agent.spool import REPEATED, STORED, Spool, shift_event
from host_agent.time_anchor import RunTime, format_utc
from protocol.event_json import EventRecord

MAX_PENDING = 2000
"""Events kept in memory while the disk is full; more are left to the boxes' journals."""
RETRY_MS = 1_000

log = structlog.get_logger()


@dataclass(slots=True)
class _Pending:
    event: EventRecord
    change: Callable[[], None] | None
    then: Callable[[bool], None] | None


class Intake:
    """Batches events of boxes and of the agent itself.

    Attributes:
        stored, refused: counters since the start.
    """

    def __init__(self, spool: Spool, database: Any, identity: Identity, run: RunTime) -> None:
        self._spool = spool
        self._database = database
        self._identity = identity
        self._run = run
        self._seq = 1
        self._stamp: tuple[int, str] | None = None  # (UTC of elapsed time 0, clock) of the agent's own events
        self._pending: list[_Pending] = []
        self._retry_ms: int | None = None
        self.stored = 0
        self.refused = 0

    def add(
        self,
        event: EventRecord,
        change: Callable[[], None] | None = None,
        then: Callable[[bool], None] | None = None,
    ) -> bool:
        """Collect one event for the next `flush`.

        Args:
            change: runs in the same transaction if the event is new.
            then: runs after the commit; its argument says whether the event is new.
        Returns:
            False when there is no room: the event is not taken, and its source must send it again.
        """
        if len(self._pending) >= MAX_PENDING:
            return False
        self._pending.append(_Pending(event, change, then))
        return True

    def state(
        self,
        event_type: str,
        fields: dict[str, Any],
        now: Instant,
        change: Callable[[], None] | None = None,
        then: Callable[[bool], None] | None = None,
    ) -> EventRecord:
        """As `add`, one event of the agent itself, with its own boot and the next sequence number."""
        self._stamp = zero_ms, clock = self._run.read(now)
        event = EventRecord(
            source=self._identity.agent_id,
            boot=self._identity.boot,
            seq=self._seq,
            uptime_ms=now.elapsed_ms,
            type=event_type,
            fields=fields,
            at=format_utc(zero_ms + now.elapsed_ms),
            clock=clock,
        )
        self._seq += 1
        self._pending.append(_Pending(event, change, then))
        return event

    def shift(self, source: str, boot: str, by_ms: int, clock: str) -> None:
        """Move what waits of one boot, stored or not; see `Spool.shift`."""
        self._spool.shift(source, boot, by_ms, clock)
        for pending in self._pending:
            if (pending.event.source, pending.event.boot) == (source, boot):
                pending.event = shift_event(pending.event, by_ms, clock)

    def carry(self, now: Instant) -> None:
        """The agent's own events go into the time of the run as it is known by now.

        Raises:
            AgentError: as `Spool.shift`.
        """
        zero_ms, clock = self._run.read(now)
        if self._stamp is None or self._stamp[1] == "synced" or self._stamp == (zero_ms, clock):
            return
        self.shift(self._identity.agent_id, self._identity.boot, zero_ms - self._stamp[0], clock)
        self._stamp = zero_ms, clock

    @property
    def has_pending(self) -> bool:
        """Something waits for `flush`."""
        return bool(self._pending)

    def next_due_ms(self) -> int | None:
        """When a failed commit is tried again, elapsed ms."""
        return self._retry_ms

    def flush(self, now: Instant) -> int:
        """Commit what was collected, then let its sources know; returns how many were new.

        A full disk keeps the batch in memory, unacknowledged, and is tried again each RETRY_MS.
        """
        if not self._pending or (self._retry_ms is not None and now.elapsed_ms < self._retry_ms):
            return 0
        batch = self._pending
        try:
            with transaction(self._database):
                outcomes = [self._store(pending, now) for pending in batch]
        except AgentError as error:
            if self._retry_ms is None:
                log.error(error.code, problem=error.problem, remedy=error.remedy, waiting=len(batch))
            self._retry_ms = now.elapsed_ms + RETRY_MS
            return 0
        self._pending = []
        self._retry_ms = None
        for pending, outcome in zip(batch, outcomes, strict=True):
            self._settle(pending, outcome)
        new = outcomes.count(STORED)
        self.stored += new
        return new

    def _store(self, pending: _Pending, now: Instant) -> str:
        outcome = self._spool.store(pending.event, now.unix_ms)
        if outcome == STORED and pending.change is not None:
            pending.change()
        return outcome

    def _settle(self, pending: _Pending, outcome: str) -> None:
        event = pending.event
        if outcome not in (STORED, REPEATED):
            self.refused += 1
            log.warning(
                "event.refused",
                source=event.source,
                boot=event.boot,
                seq=event.seq,
                type=event.type,
                reason=outcome,
                remedy="It is kept in the spool's table `refused`; compare the versions of box and agent.",
            )
        if pending.then is not None:
            pending.then(outcome == STORED)
