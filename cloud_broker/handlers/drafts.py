"""Drafts from desks become tickets: each once, in the transaction that takes in its event."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import outbox, places, tables, ticket_rows
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.adapters.sql.resident_views import find_only_resident
from cloud_broker.domain.drafts import OFFLINE_NOTE, build_key, read_draft
from cloud_broker.domain.tickets import TicketState, build_number
from cloud_broker.handlers.decode import Received

MINUTE_MS = 60_000
_COLUMNS = (
    "desk", "type", "state", "items", "place", "note", "urgency", "created_ms", "promised_ms", "resident_id",
    "call_id", "agent_id", "idempotency_key",
)  # fmt: skip


def make_tickets(connection: Connection, now_ms: int, received: Iterable[Received]) -> None:
    """Make the tickets of the drafts among `received` that have none yet."""
    for item in received:
        if item.event.type == "draft_made":
            _make_ticket(connection, now_ms, item)


def find_tickets(connection: Connection, desk: str, drafts: Sequence[str]) -> list[dict[str, Any]]:
    """What became of these drafts: `draft`, `ticket` (id), `number`. One that has no ticket is left out."""
    keys = {build_key(draft): draft for draft in drafts}
    ticket = tables.ticket.c
    query = select(ticket.id, ticket.created_ms, ticket.idempotency_key).where(
        ticket.desk == desk, ticket.idempotency_key.in_(list(keys))
    )
    return [
        {
            "draft": keys[row.idempotency_key],
            "ticket": row.id,
            "number": build_number(row.id, row.created_ms),
        }
        for row in connection.execute(query)
    ]


def _make_ticket(connection: Connection, now_ms: int, item: Received) -> None:
    desk, event = item.desk, item.event
    key = build_key(event.fields["draft"])
    if ticket_rows.find_by_key(connection, desk, key) is not None:
        return
    draft, call = read_draft(event.fields), _load_call(connection, item.call_id)
    agent_id = call.claimed_by or call.owner_id if call is not None else None
    agent_id = agent_id or _find_on_duty(connection, desk, event.at_ms)
    promise = draft.promise_minutes
    row = (
        desk, draft.type, TicketState.NEW.value, json.dumps(draft.items), draft.place, draft.note,
        draft.urgency, event.at_ms, event.at_ms + promise * MINUTE_MS if promise else None,
        find_only_resident(connection, call), item.call_id, agent_id, key,
    )  # fmt: skip
    once = "ON CONFLICT (desk, idempotency_key) DO NOTHING"
    if not insert_rows(connection, tables.ticket, _COLUMNS, [row], or_else=once):
        return  # another consumer was quicker
    ticket_id = ticket_rows.find_by_key(connection, desk, key)
    assert ticket_id is not None
    who = _find_name(connection, agent_id) or desk
    new = TicketState.NEW.value
    ticket_rows.note_change(connection, event.at_ms, ticket_id, who, None, new, OFFLINE_NOTE)
    if item.call_id is not None:
        ticket_rows.bind(connection, event.at_ms, ticket_id, item.call_id)
        connection.execute(tables.draft.delete().where(tables.draft.c.call_id == item.call_id))
        outbox.add_calls(connection, now_ms, [(desk, item.call_id)], [])
    outbox.add_ticket(connection, now_ms, desk, ticket_id)


def _load_call(connection: Connection, call_id: str | None) -> Any | None:
    if call_id is None:
        return None
    return connection.execute(select(tables.call).where(tables.call.c.id == call_id)).first()


def _find_on_duty(connection: Connection, desk: str, at_ms: int) -> int | None:
    duties = places.load_duties(connection, [desk], [at_ms]).get(desk, [])
    return places.find_on_duty(duties, at_ms)


def _find_name(connection: Connection, user_id: int | None) -> str | None:
    if user_id is None:
        return None
    return connection.execute(select(tables.user.c.name).where(tables.user.c.id == user_id)).scalar()
