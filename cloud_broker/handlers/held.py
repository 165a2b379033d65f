"""What was held back: quarantined boxes and alarms; headquarters puts it right and lets it in."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, func, or_, select, update

from cloud_broker.adapters.sql import audit, tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.operations import AlarmView
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import NotAllowed, NotFound, User
from cloud_broker.handlers.ingest import Message, ingest
from cloud_broker.ports import Clock
from protocol.ids import is_source
from protocol.topics import build_topic

MAY_LOOK = ("manager", "hq", "admin")
MAY_DECIDE = ("hq", "admin")


@dataclass(frozen=True, slots=True)
class Held:
    """Every verb checks the role itself."""

    database: Database
    clock: Clock

    def alarms(self, user: User, limit: int) -> list[AlarmView]:
        """Open alarms, newest first; a repetition raises its count."""
        _check(user, MAY_LOOK)
        table = tables.alarm
        query = select(table).where(table.c.resolved_ms.is_(None))
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(table.c.last_ms.desc(), table.c.id.desc()).limit(limit))
            return [build_alarm(row) for row in rows]

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

    def resolve_alarm(self, user: User, alarm: int) -> None:
        """Somebody has seen to it; the next occurrence opens it again."""
        _check(user, MAY_DECIDE)
        now_ms, table = self.clock.now_ms(), tables.alarm
        with self.database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == alarm)).first()
            if row is None:
                raise NotFound(str(alarm))
            connection.execute(update(table).where(table.c.id == alarm).values(resolved_ms=now_ms))
            audit.note(connection, now_ms, user, "alarm_resolved", f"alarm:{alarm}", row.detail)

    def admit_box(self, user: User, box: str, desk: str) -> int:
        """The box is at home at `desk` from now on; its quarantined events from there are taken in, and what
        the desk's PCs said of it; how many those were.

        Raises:
            NotFound: no such desk, or what is no box (a PC comes in by `claim`).
        """
        _check(user, MAY_DECIDE)
        if not is_source(box):
            raise NotFound(box)
        agent = tables.agent.c
        with self.database.write() as connection:
            if connection.execute(select(agent.id).where(agent.id == box)).scalar() is not None:
                raise NotFound(box)
            known = select(tables.desk.c.id).where(tables.desk.c.id == desk)
            if connection.execute(known).scalar() is None:
                raise NotFound(desk)
            connection.execute(delete(tables.box).where(tables.box.c.source == box))
            connection.execute(
                tables.box.insert().values(source=box, desk=desk, online=True, changed_ms=self.clock.now_ms())
            )
            audit.note(connection, self.clock.now_ms(), user, "box_admitted", f"box:{box}", desk)
            held, event = tables.quarantine, tables.event.c
            speakers = select(agent.id).where(agent.desk == desk, agent.revoked_ms.is_(None))
            of_desk = held.c.desk == desk, or_(held.c.source == box, held.c.source.in_(speakers))
            rows = connection.execute(select(held).where(*of_desk).order_by(held.c.boot, held.c.seq)).all()
        messages = [Message(build_topic("event", desk, row.source), row.payload.encode()) for row in rows]
        ingest(self.database, self.clock, messages)
        taken_in = 0
        with self.database.write() as connection:  # only those: another consumer may have kept more meanwhile
            for row in rows:
                one = held.c.source == row.source, held.c.boot == row.boot, held.c.seq == row.seq
                is_in = exists().where(
                    event.source == held.c.source, event.boot == held.c.boot, event.seq == held.c.seq
                )
                taken_in += connection.execute(delete(held).where(*one, held.c.desk == desk, is_in)).rowcount
        return taken_in


def _check(user: User, roles: tuple[str, ...]) -> None:
    if user.role not in roles:
        raise NotAllowed


def build_alarm(row: Any) -> AlarmView:
    """The view of a row of the table alarm."""
    return AlarmView(
        row.id, row.kind, row.subject, row.detail, row.count, to_datetime(row.first_ms),
        to_datetime(row.last_ms),
    )  # fmt: skip
