"""The spool: the desk's durability boundary.

Rules:
- What `add` returned is on the disk; only then may the box or anybody be told so.
- An event waits until the cloud lists its exact id as committed; publishing it changes nothing here.
- A repeated event keeps its first row, and so its first `at`. The same id with other content is refused and kept.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from host_agent.database import transaction
from protocol.errors import MessageError
from protocol.event_json import EventRecord, encode_event
from protocol.events import check_event

Range = tuple[str, int, int]
"""(boot, first, last): sequence numbers of one source, both ends included."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One stored event that the cloud has not listed yet. `n` orders them."""

    n: int
    source: str
    boot: str
    seq: int
    payload: bytes


@dataclass(slots=True)
class Added:
    """What became of a batch. All of it may be acknowledged: it is stored, was stored before, or was refused and
    kept aside, and sending it again would change nothing."""

    stored: list[EventRecord] = field(default_factory=list)
    repeated: list[EventRecord] = field(default_factory=list)
    refused: list[tuple[EventRecord, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events not yet committed; `oldest_ms` is UTC by the PC, None when there are none."""

    count: int
    oldest_ms: int | None


class Spool:
    """Events on disk. Not thread-safe: the core's thread owns it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, events: Iterable[EventRecord], now_ms: int) -> Added:
        """Store a batch in one durable transaction.

        Raises:
            AgentError: `spool.full`; nothing of the batch was stored.
        """
        added = Added()
        with transaction(self._db):
            for event in events:
                self._add_one(event, now_ms, added)
        return added

    def _add_one(self, event: EventRecord, now_ms: int, added: Added) -> None:
        try:
            check_event(event.type, event.fields)
            payload = encode_event(event).decode()
        except MessageError as error:
            self._refuse(event, error.reason, now_ms, added)
            return
        digest = event.payload_hash()
        cursor = self._db.execute(
            "INSERT INTO event (source, boot, seq, type, digest, payload, stored_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (source, boot, seq) DO NOTHING",
            (*event.key, event.type, digest, payload, now_ms),
        )
        if cursor.rowcount == 1:
            added.stored.append(event)
        elif self._digest(event) == digest:
            added.repeated.append(event)
        else:
            self._refuse(event, "conflict", now_ms, added)

    def _digest(self, event: EventRecord) -> str:
        query = "SELECT digest FROM event WHERE source = ? AND boot = ? AND seq = ?"
        return str(self._db.execute(query, event.key).fetchone()[0])

    def _refuse(self, event: EventRecord, reason: str, now_ms: int, added: Added) -> None:
        said = repr((event.uptime_ms, event.type, event.fields))
        self._db.execute(
            "INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*event.key, event.payload_hash(), reason, said, now_ms),
        )
        added.refused.append((event, reason))

    def mark_committed(self, source: str, ranges: Sequence[Range], now_ms: int) -> list[int]:
        """The cloud has these events of `source` in its database; returns the `n` of those that were waiting."""
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

    def waiting(self, after_n: int, limit: int) -> list[Waiting]:
        """The oldest waiting events behind `after_n`, in order."""
        rows = self._db.execute(
            "SELECT n, source, boot, seq, payload FROM event WHERE committed_ms IS NULL AND n > ? ORDER BY n LIMIT ?",
            (after_n, limit),
        )
        return [Waiting(n, source, boot, seq, payload.encode()) for n, source, boot, seq, payload in rows]

    def backlog(self) -> Backlog:
        """How much waits, and since when."""
        query = "SELECT count(*), min(stored_ms) FROM event WHERE committed_ms IS NULL"
        return Backlog(*self._db.execute(query).fetchone())

    def held(self, source: str, boot: str) -> list[tuple[int, int]]:
        """What is stored of one boot of one source, as ascending (first, last)."""
        rows = self._db.execute(
            "SELECT min(seq), max(seq) FROM"
            " (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM event WHERE source = ? AND boot = ?)"
            " GROUP BY run ORDER BY run",
            (source, boot),
        )
        return [(first, last) for first, last in rows]

    def refused(self) -> int:
        """How many things were said that could not be sent on."""
        return int(self._db.execute("SELECT count(*) FROM refused").fetchone()[0])

    def prune(self, before_ms: int, limit: int = 1000) -> int:
        """Drop at most `limit` events committed before `before_ms` (UTC); waiting ones are never touched."""
        with transaction(self._db):
            cursor = self._db.execute(
                "DELETE FROM event WHERE n IN (SELECT n FROM event WHERE committed_ms < ? LIMIT ?)", (before_ms, limit)
            )
        return cursor.rowcount
