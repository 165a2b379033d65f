"""Rows of tickets into `TicketView`."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.call_views import build_recording, load_names, load_recordings
from cloud_broker.adapters.sql.resident_views import match_residents
from cloud_broker.domain.tickets import build_number, next_moves
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import TicketChange, TicketView


def build_tickets(connection: Connection, rows: Sequence[Any], *, history: bool = False) -> list[TicketView]:
    """Views of rows of the table ticket, in their order."""
    call_ids = [row.call_id for row in rows if row.call_id]
    residents = match_residents(connection, {row.resident_id for row in rows if row.resident_id})
    stored = load_recordings(connection, call_ids)
    calls = {r.id: r for r in connection.execute(select(tables.call).where(tables.call.c.id.in_(call_ids)))}
    names = load_names(connection)
    changes = _load_changes(connection, [row.id for row in rows]) if history else {}
    views = []
    for row in rows:
        call = calls.get(row.call_id)
        views.append(
            TicketView(
                id=row.id,
                number=build_number(row.id, row.created_ms),
                type=row.type,
                state=row.state,
                items=tuple(json.loads(row.items)),
                place=row.place,
                note=row.note,
                urgency=row.urgency,
                created_at=to_datetime(row.created_ms),
                promised_at=to_datetime(row.promised_ms) if row.promised_ms is not None else None,
                resident=residents.get(row.resident_id),
                call=row.call_id,
                recording=build_recording(call, stored.get(row.call_id)) if call is not None else None,
                agent=names.get(row.agent_id),
                desk=row.desk,
                closing=row.closing,
                moves=next_moves(row.state),
                history=tuple(changes.get(row.id, ())),
            )
        )
    return views


def _load_changes(connection: Connection, ids: Sequence[int]) -> dict[int, list[TicketChange]]:
    table = tables.ticket_change
    found: dict[int, list[TicketChange]] = defaultdict(list)
    for row in connection.execute(select(table).where(table.c.ticket_id.in_(ids)).order_by(table.c.id)):
        change = TicketChange(to_datetime(row.at_ms), row.who, row.from_state, row.to_state, row.note)
        found[row.ticket_id].append(change)
    return found
