"""What was held back: dead letters, quarantined boxes, alarms; headquarters puts it right and lets it in."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, update
from sqlalchemy.exc import DataError

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.times import iso_ms
from cloud_broker.domain.views import NotAllowed, NotFound, User
from cloud_broker.handlers.decode import Undecodable, decode_event
from cloud_broker.handlers.ingest import Message, ingest
from cloud_broker.ports import Clock
from protocol.ids import is_source
from protocol.topics import build_topic

MAY_LOOK = ("manager", "hq", "admin")
MAY_DECIDE = ("hq", "admin")
SHOWN_BYTES = 500
CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Held:
    """Every verb checks the role itself."""

    database: Database
    clock: Clock

    def letters(self, user: User, limit: int) -> list[dict[str, Any]]:
        """Unresolved dead letters, newest first."""
        return [
            {
                "id": row.id,
                "at": iso_ms(row.at_ms),
                "topic": row.topic,
                "reason": row.reason,
                "payload": bytes(row.payload)[:SHOWN_BYTES].decode(errors="replace"),
            }
            for row in self._unresolved(user, tables.dead_letter, limit)
        ]

    def alarms(self, user: User, limit: int) -> list[dict[str, Any]]:
        """Open alarms, newest first; a repetition raises its count."""
        return [
            {
                "id": row.id,
                "kind": row.kind,
                "subject": row.subject,
                "detail": row.detail,
                "count": row.count,
                "first_at": iso_ms(row.first_ms),
                "last_at": iso_ms(row.last_ms),
            }
            for row in self._unresolved(user, tables.alarm, limit)
        ]

    def quarantined(self, user: User) -> list[dict[str, Any]]:
        """Sources whose events wait, with the desk they came from and how many there are."""
        _check(user, MAY_LOOK)
        table = tables.quarantine.c
        query = select(table.source, table.desk, func.count().label("events")).group_by(
            table.source, table.desk
        )
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(table.source, table.desk)).all()
        return [{"source": row.source, "desk": row.desk, "events": row.events} for row in rows]

    def replay_letters(self, user: User) -> int:
        """Take in the letters that can be read by now (a newer cloud knows more); how many were.

        A conflict is never replayed: two facts with one name need a person.
        """
        _check(user, MAY_DECIDE)
        table = tables.dead_letter
        query = select(table).where(table.c.resolved_ms.is_(None), table.c.reason != CONFLICT)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(table.c.id)).all()
        taken_in = [row.id for row in rows if _is_readable(row) and self._take_in(row)]
        if taken_in:
            with self.database.write() as connection:
                _resolve(connection, table, taken_in, self.clock.now_ms())
        return len(taken_in)

    def _take_in(self, row: Any) -> bool:
        """One letter by itself: one that the database refuses holds up no other."""
        try:
            ingest(self.database, self.clock, [Message(row.topic, bytes(row.payload))])
        except DataError:
            return False
        return True

    def resolve_alarm(self, user: User, alarm: int) -> None:
        """Somebody has seen to it; the next occurrence opens it again."""
        _check(user, MAY_DECIDE)
        with self.database.write() as connection:
            _resolve(connection, tables.alarm, [alarm], self.clock.now_ms())

    def admit_box(self, user: User, box: str, desk: str) -> int:
        """The box is at home at `desk` from now on; its quarantined events from there are taken in."""
        _check(user, MAY_DECIDE)
        if not is_source(box):
            raise NotFound(box)
        with self.database.write() as connection:
            known = select(tables.desk.c.id).where(tables.desk.c.id == desk)
            if connection.execute(known).scalar() is None:
                raise NotFound(desk)
            connection.execute(delete(tables.box).where(tables.box.c.source == box))
            connection.execute(
                tables.box.insert().values(
                    source=box, desk=desk, online=False, changed_ms=self.clock.now_ms()
                )
            )
            held = tables.quarantine
            waiting = held.c.source == box, held.c.desk == desk
            rows = connection.execute(select(held).where(*waiting).order_by(held.c.boot, held.c.seq)).all()
        topic = build_topic("event", desk, box)
        ingest(self.database, self.clock, [Message(topic, row.payload.encode()) for row in rows])
        with self.database.write() as connection:  # only those: another consumer may have kept more meanwhile
            for row in rows:
                one = held.c.boot == row.boot, held.c.seq == row.seq
                connection.execute(delete(held).where(*waiting, *one))
        return len(rows)

    def _unresolved(self, user: User, table: Table, limit: int) -> list[Any]:
        _check(user, MAY_LOOK)
        query = select(table).where(table.c.resolved_ms.is_(None)).order_by(table.c.id.desc()).limit(limit)
        with self.database.read() as connection:
            return list(connection.execute(query))


def _check(user: User, roles: tuple[str, ...]) -> None:
    if user.role not in roles:
        raise NotAllowed


def _resolve(connection: Connection, table: Table, ids: list[int], now_ms: int) -> None:
    connection.execute(update(table).where(table.c.id.in_(ids)).values(resolved_ms=now_ms))


def _is_readable(row: Any) -> bool:
    try:
        decode_event(row.topic, bytes(row.payload))
    except Undecodable:
        return False
    return True
