"""The spool: the desk's durability boundary.

Rules:
- What a transaction around `store` returned from is on the disk; only then may the box or anybody be told so.
- An event waits until the cloud lists its exact id as committed; publishing it changes nothing here.
- A repeated event keeps its first row, and so its first `at`. The same id with other content is refused and
  kept.
- `at` moves only while the event waits and is in no cloud time: when the time of the run is better known.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from host_agent.database import count_used_pages, spool_full, to_pages, transaction
from host_agent.time_anchor import LAST_MS, TimeAnchor
from protocol.errors import MessageError
from protocol.event_json import EventRecord, decode_event, encode_event
from protocol.events import check_event

Range = tuple[str, int, int]
"""(boot, first, last): sequence numbers of one source, both ends included."""

STORED, REPEATED = "stored", "repeated"
_EVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Waiting:
    """One stored event that the cloud has not listed yet. `n` orders them."""

    n: int
    source: str
    boot: str
    seq: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events not yet committed; `oldest_ms` is UTC by the PC, None when there are none."""

    count: int
    oldest_ms: int | None


_RESTAMP = f"""
UPDATE event SET payload = json_set(payload, '$.clock', :clock, '$.at',
    strftime('%Y-%m-%dT%H:%M:%S', stamp.ms / 1000, 'unixepoch') || printf('.%03dZ', stamp.ms % 1000))
FROM (SELECT n, min(max(:zero_ms + json_extract(payload, '$.uptime_ms'), 0), {LAST_MS}) AS ms FROM event
    WHERE source = :source AND boot = :boot AND committed_ms IS NULL
    AND json_extract(payload, '$.clock') <> 'synced') AS stamp
WHERE event.n = stamp.n
"""


class Spool:
    """Events on disk. Not thread-safe: the core's thread owns it.

    Args:
        limit_mb: at this size an event is only taken in place of older ones that the cloud has; everything
            else goes on.
    """

    def __init__(self, connection: sqlite3.Connection, limit_mb: int | None = None) -> None:
        self._db = connection
        self._limit_pages = None if limit_mb is None else to_pages(connection, limit_mb)

    def store(self, event: EventRecord, now_ms: int) -> str:
        """Store one event; durable when the transaction around it has returned.

        Returns:
            STORED, REPEATED (it was here already), or why it was refused: `conflict` (its id has another
            content) or as `check_event`. All three may be acknowledged: sending it again would change
            nothing.
        Raises:
            AgentError: `spool.full`.
        """
        with transaction(self._db):
            try:
                check_event(event.type, event.fields)
                payload = encode_event(event).decode()
            except MessageError as error:
                return self._refuse(event, error.reason, now_ms)
            digest = event.payload_hash()
            cursor = self._db.execute(
                "INSERT INTO event (source, boot, seq, type, digest, payload, stored_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, boot, seq) DO NOTHING",
                (*event.key, event.type, digest, payload, now_ms),
            )
            if cursor.rowcount == 1:
                self._keep_limit()
                return STORED
            return REPEATED if self._digest(event) == digest else self._refuse(event, "conflict", now_ms)

    def _keep_limit(self) -> None:
        """At the limit what the cloud has goes first, the oldest, before its time."""
        while self._limit_pages is not None and count_used_pages(self._db) > self._limit_pages:
            if not self.prune(_EVER_MS):
                raise spool_full()

    def _digest(self, event: EventRecord) -> str:
        query = "SELECT digest FROM event WHERE source = ? AND boot = ? AND seq = ?"
        return str(self._db.execute(query, event.key).fetchone()[0])

    def _refuse(self, event: EventRecord, reason: str, now_ms: int) -> str:
        said = repr((event.uptime_ms, event.type, event.fields))
        digest = hashlib.sha256(said.encode()).hexdigest()
        self._db.execute(
            "INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*event.key, digest, reason, said, now_ms),
        )
        return reason

    def mark_committed(self, source: str, ranges: Sequence[Range], now_ms: int) -> list[int]:
        """The cloud has these events of `source` in its database; returns the `n` of those that were
        waiting."""
        left: list[int] = []
        with transaction(self._db):
            for boot, first, last in ranges:
                rows = self._db.execute(
                    "UPDATE event SET committed_ms = ? WHERE source = ? AND boot = ? AND seq BETWEEN ? AND ?"
                    " AND committed_ms IS NULL RETURNING n",
                    (now_ms, source, boot, first, last),
                ).fetchall()
                left.extend(row[0] for row in rows)
        return left

    def mark_waiting(self, source: str, ranges: Sequence[Range]) -> list[int]:
        """The cloud has lost these events of `source`; returns the `n` of those that are still here."""
        again: list[int] = []
        with transaction(self._db):
            for boot, first, last in ranges:
                rows = self._db.execute(
                    "UPDATE event SET committed_ms = NULL WHERE source = ? AND boot = ?"
                    " AND seq BETWEEN ? AND ? AND committed_ms IS NOT NULL RETURNING n",
                    (source, boot, first, last),
                ).fetchall()
                again.extend(row[0] for row in rows)
        return again

    def waiting(self, after_n: int, limit: int) -> list[Waiting]:
        """The oldest waiting events behind `after_n`, in order."""
        rows = self._db.execute(
            "SELECT n, source, boot, seq, payload FROM event WHERE committed_ms IS NULL AND n > ?"
            " ORDER BY n LIMIT ?",
            (after_n, limit),
        )
        return [Waiting(n, source, boot, seq, payload.encode()) for n, source, boot, seq, payload in rows]

    def read(self, n: int) -> Waiting:
        """One waiting event, as it is now."""
        query = "SELECT source, boot, seq, payload FROM event WHERE n = ?"
        source, boot, seq, payload = self._db.execute(query, (n,)).fetchone()
        return Waiting(n, source, boot, seq, payload.encode())

    def restamp(self, source: str, boot: str, anchor: TimeAnchor) -> None:
        """Give what waits of one boot the time of `anchor`, but for what is in cloud time already.

        Raises:
            AgentError: as `transaction`; nothing was changed.
        """
        given = {"source": source, "boot": boot, "zero_ms": anchor.zero_ms, "clock": anchor.clock}
        with transaction(self._db):
            self._db.execute(_RESTAMP, given)

    def waiting_ids(self) -> list[tuple[str, str, int]]:
        """(source, boot, seq) of all that waits, in order of arrival."""
        query = "SELECT source, boot, seq FROM event WHERE committed_ms IS NULL ORDER BY n"
        return [(source, boot, seq) for source, boot, seq in self._db.execute(query)]

    def arrived(self, after_n: int) -> list[tuple[int, str, str, int]]:
        """(n, source, boot, seq) of everything behind `after_n`, in order."""
        query = "SELECT n, source, boot, seq FROM event WHERE n > ? ORDER BY n"
        return [(n, source, boot, seq) for n, source, boot, seq in self._db.execute(query, (after_n,))]

    def last_before(self, at_ms: int) -> int:
        """The last `n` before all that was stored at `at_ms` (UTC by the PC) or later, 0 where there is none.

        While the PC's clock was wrong, order of arrival and of `stored_ms` are two things.
        """
        query = (
            "SELECT coalesce((SELECT min(n) - 1 FROM event WHERE stored_ms >= ?),"
            " (SELECT max(n) FROM event), 0)"
        )
        return int(self._db.execute(query, (at_ms,)).fetchone()[0])

    def backlog(self) -> Backlog:
        """How much waits, and since when."""
        query = (
            "SELECT count(*), (SELECT stored_ms FROM event WHERE committed_ms IS NULL ORDER BY n LIMIT 1)"
            " FROM event WHERE committed_ms IS NULL"
        )
        return Backlog(*self._db.execute(query).fetchone())

    def held(self, source: str, boot: str) -> list[tuple[int, int]]:
        """What is stored of one boot of one source, as ascending (first, last)."""
        rows = self._db.execute(
            "SELECT min(seq), max(seq) FROM"
            " (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run"
            " FROM event WHERE source = ? AND boot = ?) GROUP BY run ORDER BY run",
            (source, boot),
        )
        return [(first, last) for first, last in rows]

    def last_event(self, source: str, boot: str) -> EventRecord | None:
        """The newest event that is stored of one boot."""
        query = "SELECT payload FROM event WHERE source = ? AND boot = ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(query, (source, boot)).fetchone()
        return None if row is None else decode_event(row[0].encode())

    def refused(self) -> int:
        """How many things were said that could not be sent on."""
        return int(self._db.execute("SELECT count(*) FROM refused").fetchone()[0])

    def prune(self, before_ms: int, limit: int = 1000) -> int:
        """Drop at most `limit` events committed before `before_ms` (UTC); waiting ones are never touched."""
        with transaction(self._db):
            cursor = self._db.execute(
                "DELETE FROM event WHERE n IN"
                " (SELECT n FROM event WHERE committed_ms < ? ORDER BY committed_ms LIMIT ?)",
                (before_ms, limit),
            )
        return cursor.rowcount
