"""The table of recordings: what state each is in. Its changes join the transaction of the events they come
from."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host_agent.database import transaction
from host_agent.gaps import Gap


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One recording; `samples`, `bytes` and `sha256` are None until known."""

    call: str
    source: str
    boot: str
    box_call: int
    state: str
    started_ms: int
    samples: int | None
    gaps: list[Gap]
    bytes: int | None
    sha256: str | None


_COLUMNS = "call, source, boot, box_call, state, started_ms, samples, gaps, bytes, sha256"


class RecordingIndex:
    """Not thread-safe: the core's thread owns it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def begin(self, call: str, source: str, boot: str, box_call: int, now_ms: int) -> None:
        """A recording is being written; known already: nothing."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR IGNORE INTO recording (call, source, boot, box_call, state, started_ms)"
                " VALUES (?, ?, ?, ?, 'writing', ?)",
                (call, source, boot, box_call, now_ms),
            )

    def declare_gap(self, call: str, gap: Gap) -> None:
        """The box says that these samples never left it."""
        with transaction(self._db):
            row = self.get(call)
            if row is not None and row.state == "writing":
                gaps = json.dumps([*row.gaps, gap])
                self._db.execute("UPDATE recording SET gaps = ? WHERE call = ?", (gaps, call))

    def stop(self, call: str, samples: int) -> None:
        """The box says how long it is."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE recording SET samples = ? WHERE call = ? AND state = 'writing'", (samples, call)
            )

    def find_opened_ms(self, source: str, boot: str, box_call: int) -> int | None:
        """Uptime of the event that opened the call; None when the spool does not hold it."""
        query = (
            "SELECT json_extract(payload, '$.uptime_ms') FROM event WHERE source = ? AND boot = ? AND seq = ?"
        )
        row = self._db.execute(query, (source, boot, box_call)).fetchone()
        return None if row is None else int(row[0])

    def store(self, call: str, samples: int, gaps: Sequence[Gap], size: int, sha256: str) -> None:
        """writing -> local: encoded and on disk."""
        self._set(
            "UPDATE recording SET state = 'local', samples = ?, gaps = ?, bytes = ?, sha256 = ?"
            " WHERE call = ? AND state = 'writing'",
            (samples, json.dumps(gaps), size, sha256, call),
        )

    def verify(self, call: str, now_ms: int) -> None:
        """local -> verified: the cloud has it, by its hash."""
        query = "UPDATE recording SET state = 'verified', verified_ms = ? WHERE call = ? AND state = 'local'"
        self._set(query, (now_ms, call))

    def unverify(self, call: str) -> None:
        """verified -> local: the cloud has lost it, and it is still here."""
        query = (
            "UPDATE recording SET state = 'local', verified_ms = NULL WHERE call = ? AND state = 'verified'"
        )
        self._set(query, (call,))

    def expire(self, calls: Sequence[str]) -> None:
        """verified -> expired: their local files are gone."""
        query = "UPDATE recording SET state = 'expired' WHERE call = ? AND state = 'verified'"
        with transaction(self._db):
            for call in calls:
                self._db.execute(query, (call,))

    def lose(self, call: str) -> None:
        """writing -> lost: not one sample of it arrived; local -> lost: its file vanished."""
        query = "UPDATE recording SET state = 'lost' WHERE call = ? AND state IN ('writing', 'local')"
        self._set(query, (call,))

    def get(self, call: str) -> RecordingRow | None:
        """One recording."""
        rows = self._select("WHERE call = ?", (call,))
        return rows[0] if rows else None

    def in_state(self, state: str, limit: int = 1000) -> list[RecordingRow]:
        """Recordings of that state, oldest first."""
        return self._select("WHERE state = ? ORDER BY started_ms, call LIMIT ?", (state, limit))

    def verified_before(self, before_ms: int, limit: int) -> list[RecordingRow]:
        """Verified before that UTC ms, oldest first."""
        query = "WHERE state = 'verified' AND verified_ms < ? ORDER BY started_ms, call LIMIT ?"
        return self._select(query, (before_ms, limit))

    def count(self, *states: str) -> int:
        """How many are in any of these states."""
        marks = ", ".join("?" * len(states))
        row = self._db.execute(f"SELECT count(*) FROM recording WHERE state IN ({marks})", states).fetchone()
        return int(row[0])

    def count_by_day(self, since_ms: int, offset_ms: int, day_ms: int) -> list[tuple[str, int, str, int]]:
        """(source, UTC ms of the day's begin, state, how many) of those begun since; `offset_ms`: zone."""
        query = (
            "SELECT source, started_ms - (started_ms + ?) % ? AS day, state, count(*) FROM recording"
            " WHERE started_ms >= ? GROUP BY source, day, state ORDER BY source, day, state"
        )
        rows = self._db.execute(query, (offset_ms, day_ms, since_ms))
        return [(source, at_ms, state, count) for source, at_ms, state, count in rows]

    def _set(self, query: str, values: tuple[object, ...]) -> None:
        with transaction(self._db):
            self._db.execute(query, values)

    def _select(self, where: str, values: tuple[object, ...]) -> list[RecordingRow]:
        return [
            _decode_row(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM recording {where}", values)
        ]


def _decode_row(row: tuple[Any, ...]) -> RecordingRow:
    call, source, boot, box_call, state, started_ms, samples, gaps, size, sha256 = row
    decoded = [Gap(*gap) for gap in json.loads(gaps)]
    return RecordingRow(call, source, boot, box_call, state, started_ms, samples, decoded, size, sha256)
