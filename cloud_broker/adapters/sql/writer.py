"""`views.Writer` on SQL: each verb is one transaction that leaves an outbox row for the desk's pages."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cloud_broker.adapters.sql import outbox, scope, tables, ticket_rows
from cloud_broker.adapters.sql.bulk import insert_new, insert_rows
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.reader import SqlReader
from cloud_broker.adapters.sql.resident_views import find_only_resident, match_numbers
from cloud_broker.domain.tickets import Draft, TicketState, check_draft, check_move
from cloud_broker.domain.units import read_room
from cloud_broker.domain.views import (
    CallView,
    Invalid,
    NewResident,
    NewTicket,
    NotFound,
    ResidentView,
    TicketView,
    User,
)
from cloud_broker.ports import Clock
from telephony.numbers import RULES_VERSION

MAX_NAME = 40
MAX_DRAFT = 20_000
MINUTE_MS = 60_000
_REPLACE_DRAFT = "ON CONFLICT (call_id) DO UPDATE SET fields = excluded.fields, at_ms = excluded.at_ms"


class SqlWriter:
    """`sign_play` makes the address of one playback (see `handlers.playback`)."""

    def __init__(
        self, database: Database, clock: Clock, reader: SqlReader, sign_play: Callable[[User, CallView], str]
    ) -> None:
        self._database = database
        self._clock = clock
        self._reader = reader
        self._sign_play = sign_play

    def create_ticket(self, user: User, ticket: NewTicket) -> TicketView:
        """The same key at the same desk gives the same ticket."""
        scope.check_desk(user, ticket.desk)
        draft = Draft(
            ticket.type, tuple(ticket.items), ticket.place.strip(), ticket.note, ticket.promise_minutes
        )
        check_draft(draft)
        with self._database.write() as connection:
            known = ticket_rows.find_by_key(connection, ticket.desk, ticket.key)
            ticket_id = known or self._insert_ticket(connection, user, ticket, draft)
            if ticket_id is None:
                ticket_id = ticket_rows.find_by_key(connection, ticket.desk, ticket.key)
        assert ticket_id is not None
        return self._reader.ticket(user, ticket_id)

    def move_ticket(self, user: User, ticket: int, to_state: str, note: str) -> TicketView:
        now_ms, table = self._clock.now_ms(), tables.ticket
        with self._database.write() as connection:
            row = _lock_ticket(connection, user, ticket)
            target, closing = check_move(row.state, to_state, note)
            connection.execute(
                update(table).where(table.c.id == ticket).values(state=target.value, closing=closing)
            )
            ticket_rows.note_change(connection, now_ms, ticket, user.name, row.state, target.value, note)
            outbox.add_ticket(connection, now_ms, row.desk, ticket)
        return self._reader.ticket(user, ticket)

    def bind_ticket(self, user: User, ticket: int, call: str) -> TicketView:
        """A ticket may have many calls; the first binding names its recording and agent."""
        now_ms = self._clock.now_ms()
        with self._database.write() as connection:
            row = _lock_ticket(connection, user, ticket)
            bound = _find_call(connection, user, call)
            if bound.desk != row.desk:
                raise Invalid("call", "other_desk")
            ticket_rows.bind(connection, now_ms, ticket, call)
            if row.call_id is None:
                agent = bound.claimed_by or bound.owner_id or row.agent_id
                values = {"call_id": call, "agent_id": agent}
                connection.execute(update(tables.ticket).where(tables.ticket.c.id == ticket).values(**values))
            ticket_rows.note_change(
                connection, now_ms, ticket, user.name, row.state, row.state, f"call {call}"
            )
            outbox.add_ticket(connection, now_ms, row.desk, ticket)
            outbox.add_calls(connection, now_ms, [(row.desk, call)], [])
        return self._reader.ticket(user, ticket)

    def save_draft(self, user: User, call: str, fields: dict[str, str]) -> None:
        text = json.dumps(fields, ensure_ascii=False)
        if len(text) > MAX_DRAFT:
            raise Invalid("note", "too_long")
        with self._database.write() as connection:
            _find_call(connection, user, call)
            insert_rows(
                connection,
                tables.draft,
                ("call_id", "fields", "at_ms"),
                [(call, text, self._clock.now_ms())],
                or_else=_REPLACE_DRAFT,
            )

    def save_resident(self, user: User, resident: NewResident) -> ResidentView:
        """A new resident with the number of the call, in the room as spoken (made if it is new); the one that
        there is, if name and number are the same."""
        scope.check_desk(user, resident.desk)
        name, room = resident.name.strip(), read_room(resident.room)
        if not name:
            raise Invalid("name", "empty")
        if len(name) > MAX_NAME or len(resident.salutation) > MAX_NAME:
            raise Invalid("name", "too_long")
        with self._database.write() as connection:
            call = _find_call(connection, user, resident.call, lock=True)
            if call.desk != resident.desk:
                raise Invalid("call", "other_desk")
            resident_id = self._insert_resident(connection, resident, name, room, call)
            outbox.add_calls(connection, self._clock.now_ms(), [(resident.desk, resident.call)], [])
        return self._reader.resident(user, resident_id)

    def choose_resident(self, user: User, call: str, resident: int) -> CallView:
        """Which of the residents of this number is calling. Only an exact match may be chosen."""
        with self._database.write() as connection:
            row = _find_call(connection, user, call)
            called = row.desk, row.e164
            matches = match_numbers(connection, [called]).get(called, [])
            if resident not in {match.id for match in matches}:
                raise NotFound(f"resident {resident}")
            self._decide(connection, row, resident_id=resident)
        return self._reader.call(user, call)

    def claim_call(self, user: User, call: str) -> CallView:
        with self._database.write() as connection:
            self._decide(connection, _find_call(connection, user, call), claimed_by=user.id)
        return self._reader.call(user, call)

    def play_url(self, user: User, call: str) -> str:
        return self._sign_play(user, self._reader.call(user, call))

    def _insert_ticket(
        self, connection: Connection, user: User, ticket: NewTicket, draft: Draft
    ) -> int | None:
        """None: another one with the same key came first."""
        now_ms = self._clock.now_ms()
        call = _find_call(connection, user, ticket.call) if ticket.call else None
        if call is not None and call.desk != ticket.desk:
            raise Invalid("call", "other_desk")
        promise = draft.promise_minutes
        ticket_id = insert_new(
            connection, tables.ticket,
            desk=ticket.desk, type=draft.type, state=TicketState.NEW.value, items=json.dumps(draft.items),
            place=draft.place, note=draft.note, urgency=draft.urgency, created_ms=now_ms,
            promised_ms=now_ms + promise * MINUTE_MS if promise else None,
            resident_id=_resident_of(connection, ticket, call), call_id=ticket.call,
            agent_id=(call.claimed_by or call.owner_id if call is not None else None) or user.id,
            idempotency_key=ticket.key or None,
        )  # fmt: skip
        if ticket_id is None:
            return None
        ticket_rows.note_change(connection, now_ms, ticket_id, user.name, None, TicketState.NEW.value, "")
        if ticket.call:
            ticket_rows.bind(connection, now_ms, ticket_id, ticket.call)
            connection.execute(tables.draft.delete().where(tables.draft.c.call_id == ticket.call))
            outbox.add_calls(connection, now_ms, [(ticket.desk, ticket.call)], [])
        outbox.add_ticket(connection, now_ms, ticket.desk, ticket_id)
        return ticket_id

    def _insert_resident(
        self, connection: Connection, resident: NewResident, name: str, room: str, call: Any
    ) -> int:
        project = connection.execute(
            select(tables.desk.c.project_id).where(tables.desk.c.id == resident.desk)
        ).scalar_one()
        known = _find_resident(connection, project, name, call.e164)
        resident_id = known or int(
            connection.execute(
                insert(tables.resident)
                .values(
                    project_id=project, name=name, salutation=resident.salutation.strip() or name, tags="[]",
                    created_ms=self._clock.now_ms(),
                )
                .returning(tables.resident.c.id)
            ).scalar_one()
        )  # fmt: skip
        if room:
            _move_in(connection, resident_id, _find_or_make_unit(connection, project, room))
        if call.number and call.e164 and known is None:
            connection.execute(
                insert(tables.phone).values(
                    resident_id=resident_id, raw=call.number, e164=call.e164, kind=call.number_kind or "",
                    label="", source="call", rules_version=RULES_VERSION,
                )
            )  # fmt: skip
        if call.number and call.e164:
            self._decide(connection, call, resident_id=resident_id)
        return resident_id

    def _decide(self, connection: Connection, call: Any, **values: int) -> None:
        connection.execute(update(tables.call).where(tables.call.c.id == call.id).values(**values))
        outbox.add_calls(connection, self._clock.now_ms(), [(call.desk, call.id)], [])


def _find_call(connection: Connection, user: User, call: str, *, lock: bool = False) -> Any:
    column = tables.call.c
    query = select(tables.call).where(
        column.id == call, column.state.is_not(None), scope.within(user, column.desk)
    )
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound(call)
    return row


def _lock_ticket(connection: Connection, user: User, ticket: int) -> Any:
    column = tables.ticket.c
    query = (
        select(tables.ticket).where(column.id == ticket, scope.within(user, column.desk)).with_for_update()
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(str(ticket))
    return row


def _resident_of(connection: Connection, ticket: NewTicket, call: Any | None) -> int | None:
    """The resident named, else the one chosen in the call, else the only one with the call's number."""
    if ticket.resident is not None:
        resident, desk = tables.resident.c, tables.desk.c
        found = connection.execute(
            select(resident.id)
            .join(tables.desk, desk.project_id == resident.project_id)
            .where(resident.id == ticket.resident, desk.id == ticket.desk)
        )
        if found.scalar() is None:
            raise Invalid("resident", "unknown")
        return ticket.resident
    return find_only_resident(connection, call)


def _find_resident(connection: Connection, project: int, name: str, e164: str | None) -> int | None:
    """Who has this name and this number already; without a number nobody."""
    if e164 is None:
        return None
    resident, phone = tables.resident.c, tables.phone.c
    query = (
        select(resident.id)
        .join(tables.phone, phone.resident_id == resident.id)
        .where(resident.project_id == project, resident.name == name, phone.e164 == e164)
    )
    return connection.execute(query.order_by(resident.id).limit(1)).scalar()


def _move_in(connection: Connection, resident: int, unit: int) -> None:
    home = tables.occupancy.c
    lives_there = home.resident_id == resident, home.unit_id == unit, home.to_ms.is_(None)
    if connection.execute(select(home.id).where(*lives_there)).first() is None:
        connection.execute(insert(tables.occupancy).values(resident_id=resident, unit_id=unit, role="owner"))


def _find_or_make_unit(connection: Connection, project: int, room: str) -> int:
    unit = tables.unit.c
    find = select(unit.id).where(unit.project_id == project, unit.label == room)
    found = connection.execute(find).scalar()
    if found is None:
        building = room.split("-")[0]
        found = insert_new(
            connection, tables.unit, project_id=project, label=room, building=building, kind="residence"
        )
    return int(found if found is not None else connection.execute(find).scalar_one())
