"""`views.Reader` on SQL."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, or_, select

from cloud_broker.adapters.sql import scope, tables
from cloud_broker.adapters.sql.call_views import add_timeline, build_calls
from cloud_broker.adapters.sql.desk_views import build_desks, count_figures
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.paging import clamp, decode_cursor, encode_cursor
from cloud_broker.adapters.sql.resident_views import build_residents, contains, find_by_text
from cloud_broker.adapters.sql.ticket_views import build_tickets
from cloud_broker.domain.items import ITEMS
from cloud_broker.domain.times import DAY_MS, to_ms
from cloud_broker.domain.views import (
    CallFilter,
    CallView,
    DeskFigures,
    DeskView,
    MissedView,
    NotFound,
    Page,
    ResidentView,
    TicketFilter,
    TicketItem,
    TicketView,
    User,
)
from cloud_broker.ports import Clock

T = TypeVar("T")

RESIDENT_HISTORY = 20
MISSED_DAYS = 7


class SqlReader:
    """Each call opens one connection and closes it; nothing is kept between calls."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def desks(self, user: User) -> Sequence[DeskView]:
        with self._database.read() as connection:
            query = select(tables.desk).where(scope.within(user, tables.desk.c.id)).order_by(tables.desk.c.id)
            return build_desks(connection, connection.execute(query).all(), self._clock.now_ms())

    def desk(self, user: User, desk: str) -> DeskView:
        scope.check_desk(user, desk)
        with self._database.read() as connection:
            rows = connection.execute(select(tables.desk).where(tables.desk.c.id == desk)).all()
            views = build_desks(connection, rows, self._clock.now_ms())
        return _only(views)

    def figures(self, user: User, desk: str) -> DeskFigures:
        scope.check_desk(user, desk)
        with self._database.read() as connection:
            return count_figures(connection, desk, self._clock.now_ms())

    def current_call(self, user: User, desk: str) -> CallView | None:
        scope.check_desk(user, desk)
        call = tables.call.c
        query = select(tables.call).where(call.desk == desk, call.state.in_(("ringing", "talking")))
        query = query.where(call.joined_to.is_(None))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(call.started_ms.desc()).limit(1)).all()
            views = build_calls(connection, rows)
        return views[0] if views else None

    def calls(self, user: User, where: CallFilter, cursor: str | None, limit: int) -> Page[CallView]:
        limit, call = clamp(limit), tables.call.c
        query = _narrow_calls(select(tables.call), where).where(scope.within(user, call.desk))
        query = _after(query, call.started_ms, call.id, cursor)
        query = query.order_by(call.started_ms.desc(), call.id.desc()).limit(limit + 1)
        with self._database.read() as connection:
            if where.text and where.text.strip():
                query = query.where(_mentions(_projects(connection, user), where.text))
            rows = connection.execute(query).all()
            views = build_calls(connection, rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(views, encode_cursor(last.started_ms, last.id) if last is not None else None)

    def call(self, user: User, call: str) -> CallView:
        column = tables.call.c
        query = select(tables.call).where(column.id == call, column.state.is_not(None))
        with self._database.read() as connection:
            rows = connection.execute(query.where(scope.within(user, column.desk))).all()
            return add_timeline(connection, _only(build_calls(connection, rows)))

    def missed(self, user: User, desk: str) -> Sequence[MissedView]:
        """One item a number; it is gone once somebody of that number was spoken to later."""
        scope.check_desk(user, desk)
        call = tables.call.c
        since_ms = self._clock.now_ms() - MISSED_DAYS * DAY_MS
        query = select(tables.call).where(call.desk == desk, call.started_ms >= since_ms)
        query = query.where(call.state == "ended", call.joined_to.is_(None)).order_by(call.started_ms.desc())
        with self._database.read() as connection:
            groups = _group_missed(connection.execute(query).all())
            views = build_calls(connection, [rows[0] for rows in groups])
        counted = zip(views, groups, strict=True)
        return [MissedView(view, len(rows), view.started_at) for view, rows in counted]

    def tickets(self, user: User, where: TicketFilter, cursor: str | None, limit: int) -> Page[TicketView]:
        limit, ticket = clamp(limit), tables.ticket.c
        query = _narrow_tickets(select(tables.ticket), where).where(scope.within(user, ticket.desk))
        query = _after(query, ticket.created_ms, ticket.id, cursor)
        query = query.order_by(ticket.created_ms.desc(), ticket.id.desc()).limit(limit + 1)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            views = build_tickets(connection, rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(views, encode_cursor(last.created_ms, last.id) if last is not None else None)

    def ticket(self, user: User, ticket: int) -> TicketView:
        column = tables.ticket.c
        query = select(tables.ticket).where(column.id == ticket, scope.within(user, column.desk))
        with self._database.read() as connection:
            return _only(build_tickets(connection, connection.execute(query).all(), history=True))

    def residents(self, user: User, text: str, cursor: str | None, limit: int) -> Page[ResidentView]:
        limit, after = clamp(limit), decode_cursor(cursor)
        with self._database.read() as connection:
            query = find_by_text(_projects(connection, user), text)
            if after is not None:
                query = query.where(tables.resident.c.id > after[0])
            rows = connection.execute(query.order_by(tables.resident.c.id).limit(limit + 1)).all()
            views = build_residents(connection, user, rows[:limit])
        return Page(views, encode_cursor(rows[limit - 1].id, 0) if len(rows) > limit else None)

    def resident(self, user: User, resident: int) -> ResidentView:
        with self._database.read() as connection:
            projects = _projects(connection, user)
            query = select(tables.resident).where(tables.resident.c.id == resident)
            if projects is not None:
                query = query.where(tables.resident.c.project_id.in_(projects))
            view = _only(build_residents(connection, user, connection.execute(query).all()))
            calls = build_calls(connection, _calls_of(connection, user, view))
            tickets = build_tickets(connection, _tickets_of(connection, user, view.id))
        return replace(view, calls=calls, tickets=tickets)

    def items(self) -> Sequence[TicketItem]:
        return ITEMS

    def draft(self, user: User, call: str) -> dict[str, str]:
        query = select(tables.draft.c.fields).join(tables.call, tables.call.c.id == tables.draft.c.call_id)
        query = query.where(tables.call.c.id == call, scope.within(user, tables.call.c.desk))
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return dict(json.loads(found)) if found else {}


def _only(views: Sequence[T]) -> T:
    if not views:
        raise NotFound
    return views[0]


def _narrow_calls(query: Select[Any], where: CallFilter) -> Select[Any]:
    call = tables.call.c
    query = query.where(call.state.is_not(None), call.joined_to.is_(None))
    for column, value in (
        (call.desk, where.desk), (call.box, where.box), (call.outcome, where.outcome),
        (call.direction, where.direction),
    ):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    if where.number is not None:
        query = query.where(or_(call.number == where.number, call.e164 == where.number))
    if where.since is not None:
        query = query.where(call.started_ms >= to_ms(where.since))
    if where.until is not None:
        query = query.where(call.started_ms < to_ms(where.until))
    return query


def _mentions(project_ids: Sequence[int] | None, text: str) -> Any:
    """A call whose number, or whose caller's name or room, contains the text; callers of these projects."""
    call, phone = tables.call.c, tables.phone.c
    like = contains(text)
    residents = find_by_text(project_ids, text).with_only_columns(tables.resident.c.id)
    numbers = select(phone.e164).where(phone.resident_id.in_(residents), phone.e164.is_not(None))
    return or_(call.number.like(like, escape="\\"), call.e164.like(like, escape="\\"), call.e164.in_(numbers))


def _narrow_tickets(query: Select[Any], where: TicketFilter) -> Select[Any]:
    ticket = tables.ticket.c
    for column, value in ((ticket.desk, where.desk), (ticket.state, where.state), (ticket.type, where.type)):
        if value is not None:
            query = query.where(column == value)
    if where.text and where.text.strip():
        like = contains(where.text)
        query = query.where(or_(ticket.place.like(like, escape="\\"), ticket.note.like(like, escape="\\")))
    return query


def _after(query: Select[Any], at: Any, key: Any, cursor: str | None) -> Select[Any]:
    place = decode_cursor(cursor)
    if place is None:
        return query
    return query.where(or_(at < place[0], and_(at == place[0], key < place[1])))


def _group_missed(rows: Sequence[Any]) -> list[list[Any]]:
    """Rows of ended calls, newest first → groups of missed ones not spoken to since, newest first."""
    spoken: set[str] = set()
    groups: dict[str, list[Any]] = {}
    for row in rows:
        key = row.e164 or row.number or row.id
        if row.outcome in ("answered", "outbound_connected"):
            spoken.add(key)
        elif row.outcome in ("missed", "voicemail") and key not in spoken:
            groups.setdefault(key, []).append(row)
    return list(groups.values())


def _projects(connection: Connection, user: User) -> list[int] | None:
    """Projects whose residents the user may see; None = all."""
    desk = scope.allowed_desk(user)
    if desk is None:
        return None
    return list(
        connection.execute(select(tables.desk.c.project_id).where(tables.desk.c.id == desk)).scalars()
    )


def _calls_of(connection: Connection, user: User, resident: ResidentView) -> Sequence[Any]:
    call = tables.call.c
    numbers = [phone.e164 for phone in resident.phones if phone.e164]
    own = or_(call.resident_id == resident.id, and_(call.resident_id.is_(None), call.e164.in_(numbers)))
    query = select(tables.call).where(
        own, call.joined_to.is_(None), call.state.is_not(None), scope.within(user, call.desk)
    )
    return connection.execute(query.order_by(call.started_ms.desc()).limit(RESIDENT_HISTORY)).all()


def _tickets_of(connection: Connection, user: User, resident: int) -> Sequence[Any]:
    ticket = tables.ticket.c
    query = select(tables.ticket).where(ticket.resident_id == resident, scope.within(user, ticket.desk))
    return connection.execute(query.order_by(ticket.created_ms.desc()).limit(RESIDENT_HISTORY)).all()
