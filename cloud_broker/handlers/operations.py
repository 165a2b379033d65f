"""`domain.operations.Operations` on SQL: letters, alarms, and the days that were compared."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from cloud_broker.adapters.sql import audit, tables
from cloud_broker.adapters.sql.days import read_gaps
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.paging import clamp, decode_cursor, encode_cursor
from cloud_broker.adapters.sql.resident_views import contains
from cloud_broker.domain.operations import AlarmView, DayFilter, DayView, LetterFilter, LetterView
from cloud_broker.domain.reconciliation import WHOLE
from cloud_broker.domain.times import china_day, parse_day_ms, to_datetime
from cloud_broker.domain.views import Invalid, NotAllowed, NotFound, Page, User
from cloud_broker.handlers.held import MAY_DECIDE, MAY_LOOK, Held, build_alarm
from cloud_broker.handlers.letters import Letters
from cloud_broker.handlers.reconcile import ALARM, reconcile
from cloud_broker.ports import Clock


@dataclass(frozen=True, slots=True)
class SqlOperations:
    """Every verb checks the role."""

    database: Database
    clock: Clock

    def letters(self, user: User, where: LetterFilter, cursor: str | None, limit: int) -> Page[LetterView]:
        return self._letters.list(user, where, cursor, limit)

    def letter(self, user: User, letter: int) -> LetterView:
        return self._letters.read(user, letter)

    def replay_letter(self, user: User, letter: int) -> LetterView:
        return self._letters.replay(user, letter)

    def set_letter_aside(self, user: User, letter: int, note: str) -> LetterView:
        return self._letters.set_aside(user, letter, note)

    def reopen_letter(self, user: User, letter: int) -> LetterView:
        return self._letters.reopen(user, letter)

    def alarms(self, user: User, limit: int) -> Sequence[AlarmView]:
        return self._held.alarms(user, limit)

    def resolve_alarm(self, user: User, alarm: int) -> None:
        self._held.resolve_alarm(user, alarm)

    def days(self, user: User, where: DayFilter, cursor: str | None, limit: int) -> Page[DayView]:
        """The newest day first."""
        _check(user, MAY_LOOK)
        table, limit, place = tables.reconciled_day.c, clamp(limit), decode_cursor(cursor)
        query = _narrow(select(tables.reconciled_day), where)
        if place is not None:
            day = _read_day(place[0])
            query = query.where(or_(table.day < day, and_(table.day == day, table.source > str(place[1]))))
        query = query.order_by(table.day.desc(), table.source).limit(limit + 1)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
            views = _build_days(connection, rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(views, encode_cursor(parse_day_ms(last.day), last.source) if last is not None else None)

    def day(self, user: User, source: str, day: str) -> DayView:
        _check(user, MAY_LOOK)
        table = tables.reconciled_day
        query = select(table).where(table.c.source == source, table.c.day == day)
        with self.database.read() as connection:
            views = _build_days(connection, connection.execute(query).all())
        if not views:
            raise NotFound(f"{source} {day}")
        return views[0]

    def check_day(self, user: User, source: str, day: str) -> DayView:
        """Compare this day again now."""
        _check(user, MAY_DECIDE)
        self.day(user, source, day)
        now_ms = self.clock.now_ms()
        reconcile(self.database, now_ms, day, day, [source])
        with self.database.write() as connection:
            audit.note(connection, now_ms, user, "day_checked", f"day:{source} {day}")
        return self.day(user, source, day)

    @property
    def _letters(self) -> Letters:
        return Letters(self.database, self.clock)

    @property
    def _held(self) -> Held:
        return Held(self.database, self.clock)


def _check(user: User, roles: tuple[str, ...]) -> None:
    if user.role not in roles:
        raise NotAllowed


def _read_day(at_ms: int) -> str:
    """The day of a cursor. Raises Invalid."""
    try:
        return china_day(at_ms)
    except (OverflowError, ValueError, OSError) as error:
        raise Invalid("cursor", "unknown") from error


def _narrow(query: Select[Any], where: DayFilter) -> Select[Any]:
    table = tables.reconciled_day.c
    if where.state == "open":
        query = query.where(table.state != WHOLE)
    elif where.state is not None:
        query = query.where(table.state == where.state)
    for column, value in ((table.desk, where.desk), (table.day, where.day)):
        if value is not None:
            query = query.where(column == value)
    if where.text and where.text.strip():
        query = query.where(table.source.like(contains(where.text), escape="\\"))
    return query


def _build_days(connection: Connection, rows: Sequence[Any]) -> list[DayView]:
    agents = set(connection.execute(select(tables.agent.c.id)).scalars())
    alarm = tables.alarm
    subjects = [f"{row.source} {row.day}" for row in rows]
    query = select(alarm).where(
        alarm.c.kind == ALARM, alarm.c.subject.in_(subjects), alarm.c.resolved_ms.is_(None)
    )
    alarms = {row.subject: build_alarm(row) for row in connection.execute(query)}
    return [_build_day(row, row.source in agents, alarms.get(f"{row.source} {row.day}")) for row in rows]


def _build_day(row: Any, is_agent: bool, alarm: AlarmView | None) -> DayView:
    figures = json.loads(row.figures)
    return DayView(
        source=row.source,
        day=row.day,
        desk=row.desk,
        state=row.state,
        box=figures["box"],
        agent=figures["agent"],
        cloud=figures["cloud"],
        missing=figures["missing"],
        missing_recordings=figures["missing_recordings"],
        gaps=read_gaps(row.gaps),
        checked_at=to_datetime(row.checked_ms),
        is_agent=is_agent,
        alarm=alarm,
    )
