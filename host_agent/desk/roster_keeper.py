"""Keeps the roster: loads what is there, asks for a newer one now and then, erases it when it must go.

    none --fetched--> kept --304 or newer--> kept
    kept --credentials taken back, or not confirmed for `retention_ms`--> none (and erased)
    kept --asked in vain, or malformed--> kept (what was good is never lost)

Asked for every EVERY_MS, at each start and connection, and SOON_MS after a call has ended: that is when
somebody saves a caller who was not known.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from host_agent.ages import Ages
from host_agent.desk.cloud_questions import Fetched, fetch_roster
from host_agent.desk.roster import Roster, decode_roster
from host_agent.desk.roster_cache import RosterCache
from host_agent.errors import AgentError
from host_agent.ports import Instant, JobDone, Worker
from host_agent.uploads import CloudAccess

ROSTER = "roster"
EVERY_MS = 900_000
SOON_MS = 60_000
FIRST_WAIT_MS = 5_000
MAX_WAIT_MS = 300_000

log = structlog.get_logger()


@dataclass(slots=True)
class _Access:
    """What is known once there are credentials."""

    cloud: CloudAccess
    cache: RosterCache


class RosterKeeper:
    """The core's thread owns it.

    Attributes:
        roster: None while there is none.
    """

    def __init__(
        self, worker: Worker, ages: Ages, retention_ms: int, handle_revoked: Callable[[], None]
    ) -> None:
        self.roster: Roster | None = None
        self._worker = worker
        self._ages = ages
        self._retention_ms = retention_ms
        self._handle_revoked = handle_revoked
        self._access: _Access | None = None
        self._confirmed_ms = 0
        self._due_ms = 0
        self._is_under_way = False
        self._failures = 0
        self._told = ""

    def join(self, cloud: CloudAccess, cache: RosterCache, now: Instant) -> None:
        """Credentials are there: use what is kept, and ask for what is newer."""
        self._access = _Access(cloud, cache)
        self._due_ms = now.elapsed_ms
        try:
            kept = cache.load()
            if kept is not None:
                self.roster = decode_roster(kept.body, kept.tag)
                self._confirmed_ms = kept.confirmed_ms
        except AgentError as error:
            log.warning(error.code, problem=error.problem, remedy=error.remedy)
        self._forget_old(now)

    def ask_soon(self, now: Instant, wait_ms: int = SOON_MS) -> None:
        """Something may have changed."""
        self._due_ms = min(self._due_ms, now.elapsed_ms + wait_ms)

    def advance(self, now: Instant) -> None:
        """Do what is due."""
        self._forget_old(now)
        access = self._access
        if access is None or self._is_under_way or now.elapsed_ms < self._due_ms:
            return
        self._is_under_way = True
        tag = self.roster.tag if self.roster is not None else ""
        self._worker.submit(ROSTER, ROSTER, lambda: fetch_roster(access.cloud, tag, access.cache))

    def handle_done(self, done: JobDone, now: Instant) -> None:
        """The answer, or why there is none."""
        self._is_under_way = False
        if done.error is not None:
            self._handle_failed(done.error, now)
            return
        fetched: Fetched = done.result
        if fetched.roster is not None:
            self.roster = fetched.roster
            log.info("roster.fetched", numbers=len(fetched.roster.by_number))
        self._confirmed_ms = now.unix_ms
        self._failures, self._told = 0, ""
        self._due_ms = now.elapsed_ms + EVERY_MS

    def next_due_ms(self) -> int | None:
        """When `advance` has something to ask, elapsed ms."""
        return None if self._access is None or self._is_under_way else self._due_ms

    def _handle_failed(self, error: Exception, now: Instant) -> None:
        code = error.code if isinstance(error, AgentError) else "roster.failed"
        if code != self._told:
            self._told = code
            log.warning(code, problem=str(error))
        if code == "roster.revoked":
            self._erase()
            self._access = None
            self._handle_revoked()
            return
        self._due_ms = now.elapsed_ms + min(FIRST_WAIT_MS << min(self._failures, 16), MAX_WAIT_MS)
        self._failures += 1

    def _forget_old(self, now: Instant) -> None:
        if self.roster is None or (unix_ms := self._ages.now_ms(now)) is None:
            return
        if unix_ms - self._confirmed_ms > self._retention_ms:
            log.warning("roster.expired", remedy="It was erased; a new one comes when the cloud answers.")
            self._erase()

    def _erase(self) -> None:
        self.roster = None
        if self._access is not None:
            self._access.cache.erase()
