"""Events on their way into the spool: collected, stored in one commit, and only then answered for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from host_agent.database import transaction
from host_agent.errors import AgentError
from host_agent.identity import Identity
from host_agent.ports import Instant
from host_agent.spool import REPEATED, STORED, Spool
from host_agent.time_anchor import RunTime, TimeAnchor
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
        self._anchor: TimeAnchor | None = None  # in whose time the agent's own waiting events are
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
        anchor = TimeAnchor(*self._run.read(now))
        self._anchor = self._anchor or anchor
        event = EventRecord(
            source=self._identity.agent_id,
            boot=self._identity.boot,
            seq=self._seq,
            uptime_ms=now.elapsed_ms,
            type=event_type,
            fields=fields,
            at=anchor.at(now.elapsed_ms),
            clock=anchor.clock,
        )
        self._seq += 1
        self._pending.append(_Pending(event, change, then))
        return event

    def restamp(self, source: str, boot: str, anchor: TimeAnchor) -> None:
        """Give what waits of one boot the time of `anchor`, stored or not; see `Spool.restamp`."""
        self._spool.restamp(source, boot, anchor)
        for pending in self._pending:
            if (pending.event.source, pending.event.boot) == (source, boot):
                pending.event = anchor.stamp(pending.event)

    def carry(self, now: Instant) -> None:
        """The agent's own events go into the time of the run as it is known by now.

        Raises:
            AgentError: as `Spool.restamp`.
        """
        anchor = TimeAnchor(*self._run.read(now))
        if self._anchor is not None and anchor.betters(self._anchor):
            self.restamp(self._identity.agent_id, self._identity.boot, anchor)
            self._anchor = anchor

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

        Raises:
            ExceptionGroup: what some `then` raised; the others have run.
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
        new = outcomes.count(STORED)
        self.stored += new
        errors = []
        for pending, outcome in zip(batch, outcomes, strict=True):
            try:
                self._settle(pending, outcome)
            except Exception as error:  # noqa: BLE001  (the supervisor of the core's thread gets it)
                errors.append(error)
        if errors:
            raise ExceptionGroup("events were stored and not handled", errors)
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
